"""Which renderers this machine has, and which of them a run used."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from auditor.errors import UsageError
from auditor.manifests.helm.wanted import Fetch
from auditor.manifests.render.sandbox import Failed, Patience, run

_NAMES: Final = {"kustomize": ("kustomize", "kubectl"), "helm": ("helm",)}
"""Programs that render, by what they render; the first that is found is used."""


class Tool(Struct, frozen=True):
    """A program: the absolute path of what is run."""

    name: str
    path: str
    arguments: tuple[str, ...] = ()
    """What comes first on its command line, where the program is an interpreter."""

    @property
    def command(self) -> tuple[str, ...]:
        """How it is started."""
        return (self.path, *self.arguments)

    @property
    def is_program(self) -> bool:
        """Whether other programs can start it by its path alone."""
        return not self.arguments

    def version(self, patience: Patience | None = None) -> str:
        """What it says of itself, for the report; its name where it says nothing. Raises Interrupted.

        It is asked once by a process, however many trees it renders: one that hangs is waited for once.
        """
        asked = (self, _stamp(self.path))
        with _ASKING:
            if asked not in _SAID:
                _SAID[asked] = self._asked(patience)
            return _SAID[asked]

    def _asked(self, patience: Patience | None) -> str:
        arguments = {
            "kubectl": ["version", "--client", "--output=json"],
            "helm": ["version", "--template={{.Version}}"],
        }.get(self.name, ["version"])
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            try:
                said = (
                    run([*self.command, *arguments], Path(folder), patience=patience).decode("utf-8", "replace").strip()
                )
            except Failed:
                return self.name
        return f"{_kustomize_of(said)} (kubectl)" if self.name == "kubectl" else said[:100]


_SAID: Final[dict[tuple[Tool, tuple[int, ...]], str]] = {}
"""What programs have said of themselves."""
_ASKING: Final = threading.Lock()


def _stamp(path: str) -> tuple[int, ...]:
    """What tells a program from the one that takes its place in a process that lives long; nothing where it is gone."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a text, not yet a path
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _kustomize_of(said: str) -> str:
    try:
        return str(json.loads(said)["kustomizeVersion"])[:100]
    except (ValueError, KeyError, TypeError):
        return "kustomize"


class Renderers(Struct):
    """The programs that a run may use; None is read without a program. `used` fills as they run."""

    kustomize: Tool | None = None
    helm: Tool | None = None
    used: dict[str, str | None] = field(default_factory=lambda: {"kustomize": None, "helm": None})
    fetch: Fetch | None = None
    """Brings charts that are not in the tree; None where that is not wanted."""
    notes: list[str] = field(default_factory=list)
    """What else the reader should know of what was rendered."""
    seconds: float = float("inf")
    """What all programs together may take for one tree, where the limits allow more."""
    over: Callable[[], bool] = lambda: False
    """Whether the run must end, and nothing is rendered any more."""
    late: list[str] = field(default_factory=list)
    """What was not done in time: another run may come to something else."""

    @property
    def identity(self) -> str:
        """What tells results of these programs from others in a cache."""
        fetched = "fetched" if self.fetch else ""
        return "|".join((*(" ".join(tool.command) if tool else "" for tool in (self.kustomize, self.helm)), fetched))

    def patience(self, end: float) -> Patience:
        """How long a program is waited for that has to be done by `end` (monotonic seconds)."""
        return Patience(end, self.over, self.late)

    def note(self, what: str, tool: Tool) -> None:
        """A program is about to be used. Raises Interrupted."""
        if self.used.get(what) is None:
            self.used[what] = tool.version(Patience(time.monotonic() + self.seconds, self.over))


def find_renderers(environ: Mapping[str, str]) -> Renderers:
    """What PATH holds, or `AUDITOR_KUSTOMIZE` and `AUDITOR_HELM` name. Only absolute paths: never a program of the tree.

    Without helm, the extra `helm` of this project, where it is installed.
    """
    return Renderers(_find("kustomize", environ), _find("helm", environ) or _library(environ))


def renderers_for(render: str, environ: Mapping[str, str]) -> Renderers | None:
    """The programs of a run by its `--render`; None for `never`. Raises UsageError where they are required and missing."""
    if render == "never":
        return None
    found = find_renderers(environ)
    missing = [
        name for name, tool in (("kustomize (or kubectl)", found.kustomize), ("helm", found.helm)) if tool is None
    ]
    if render == "require" and missing:
        raise UsageError(
            f"--render require: {' and '.join(missing)} not on PATH",
            help="install it, name it by AUDITOR_KUSTOMIZE or AUDITOR_HELM, or use --render auto",
        )
    return found


def _library(environ: Mapping[str, str]) -> Tool | None:
    """Helm as a library, in a process of its own: it is not loaded here. None where helm is named, but not there."""
    if environ.get("AUDITOR_HELM") or find_spec("helm_python") is None:
        return None
    return Tool("helm", sys.executable, ("-I", "-m", "auditor.manifests.render.helm_sdk"))


def _find(what: str, environ: Mapping[str, str]) -> Tool | None:
    named = environ.get(f"AUDITOR_{what.upper()}")
    path = os.pathsep.join(part for part in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part))  # noqa: PTH117 - a text, not yet a path
    for name in [named] if named else _NAMES[what]:
        found = shutil.which(name, path=path)
        if found is not None and os.path.isabs(found):  # noqa: PTH117 - as above
            kind = "kubectl" if Path(found).name.startswith("kubectl") else what
            return Tool(kind, found)
    return None
