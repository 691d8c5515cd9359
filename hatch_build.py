"""What the wheel carries beside the package: the manual page and completion, where man and shells look for them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PLACES = {
    "bash": "share/bash-completion/completions/auditor",
    "zsh": "share/zsh/site-functions/_auditor",
    "fish": "share/fish/vendor_completions.d/auditor.fish",
}


class SharedData(BuildHookInterface):  # type: ignore[type-arg]
    """Writes them from the parser, which needs the standard library only, so that nothing generated is kept."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to the wheel that is built."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from auditor.cli.completion import SHELLS
        from auditor.cli.main import parser
        from auditor.cli.man import man

        top = parser()
        texts = {place: SHELLS[shell](top) for shell, place in _PLACES.items()} | {"share/man/man1/auditor.1": man(top)}
        for place, text in texts.items():
            file = self._scratch / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            build_data["shared_data"][str(file)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - the hook's signature
        """Leave the wheel alone in its folder."""
        shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def _scratch(self) -> Path:
        return Path(self.directory) / ".shared-data"
