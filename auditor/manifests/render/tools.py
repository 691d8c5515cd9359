"""Which renderers this machine has, and which of them a run used."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from auditor.manifests.helm.wanted import Fetch
from auditor.manifests.render.sandbox import Failed, run

_NAMES: Final = {"kustomize": ("kustomize", "kubectl"), "helm": ("helm",)}
"""Programs that render, by what they render; the first that is found is used."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: the absolute path of what is run."""

    name: str
    path: str

    def version(self) -> str:
        """What it says of itself, for the report; its name where it says nothing."""
        arguments = {
            "kubectl": ["version", "--client", "--output=json"],
            "helm": ["version", "--template={{.Version}}"],
        }.get(self.name, ["version"])
        with tempfile.TemporaryDirectory(prefix="auditor-") as folder:
            try:
                said = run([self.path, *arguments], Path(folder)).decode("utf-8", "replace").strip()
            except Failed:
                return self.name
        return f"{_kustomize_of(said)} (kubectl)" if self.name == "kubectl" else said[:100]


def _kustomize_of(said: str) -> str:
    try:
        return str(json.loads(said)["kustomizeVersion"])[:100]
    except (ValueError, KeyError, TypeError):
        return "kustomize"


@dataclass(slots=True)
class Renderers:
    """The programs that a run may use; None is read without a program. `used` fills as they run."""

    kustomize: Tool | None = None
    helm: Tool | None = None
    used: dict[str, str | None] = field(default_factory=lambda: {"kustomize": None, "helm": None})
    fetch: Fetch | None = None
    """Brings charts that are not in the tree; None where that is not wanted."""

    @property
    def identity(self) -> str:
        """What tells results of these programs from others in a cache."""
        fetched = "fetched" if self.fetch else ""
        return "|".join((*(tool.path if tool else "" for tool in (self.kustomize, self.helm)), fetched))

    def note(self, what: str, tool: Tool) -> None:
        """A program is about to be used."""
        if self.used.get(what) is None:
            self.used[what] = tool.version()


def find_renderers(environ: Mapping[str, str]) -> Renderers:
    """What PATH holds, or `AUDITOR_KUSTOMIZE` and `AUDITOR_HELM` name. Only absolute paths: never a program of the tree."""
    return Renderers(_find("kustomize", environ), _find("helm", environ))


def _find(what: str, environ: Mapping[str, str]) -> Tool | None:
    named = environ.get(f"AUDITOR_{what.upper()}")
    path = os.pathsep.join(part for part in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part))  # noqa: PTH117 - a text, not yet a path
    for name in [named] if named else _NAMES[what]:
        found = shutil.which(name, path=path)
        if found is not None and os.path.isabs(found):  # noqa: PTH117 - as above
            kind = "kubectl" if Path(found).name.startswith("kubectl") else what
            return Tool(kind, found)
    return None
