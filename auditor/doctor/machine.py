"""What this machine has: git, renderers, extras, a cache. Nothing of the tree is run, nobody is asked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from auditor.doctor.checks import Check, ok, warn
from auditor.errors import SourceError
from auditor.folders import cache_folder
from auditor.manifests.render.tools import Tool, find_renderers
from auditor.registry.store import Cache
from auditor.source.commands import GitFailed, git_version

_EXTRAS: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "helm": (("helm_python",), "charts are rendered by a helm on PATH only"),
    "kyverno": (("cel", "jmespath"), "Kyverno's policies are not evaluable"),
    "rego": (("regopy",), "Rego policies are not evaluable"),
}
"""Extra → the modules that it brings, and what is missing without them."""

_CACHES: Final = ("registry", "tuf", "charts", "rules")


def check_git() -> Check:
    """Revisions need it; a plain folder does not."""
    try:
        return ok("git", git_version())
    except (SourceError, GitFailed, OSError) as error:
        return warn("git", str(getattr(error, "message", error)), "install git: --base, --head and history need it")


def check_renderers(environ: Mapping[str, str]) -> Iterator[Check]:
    """Kustomize and helm, with what they say of themselves."""
    found = find_renderers(environ)
    yield _renderer("kustomize", found.kustomize, "kustomizations are read without it: a superset of what they build")
    yield _renderer("helm", found.helm, "charts are not rendered: their images are read from values only")


def _renderer(name: str, tool: Tool | None, without: str) -> Check:
    if tool is None:
        return warn(name, f"not found; {without}", f"install {name}, or name it by AUDITOR_{name.upper()}")
    return ok(name, f"{tool.version()} ({' '.join(tool.command)})")


def check_extras() -> Iterator[Check]:
    """The parts of this program that are installed on demand."""
    for extra, (modules, without) in _EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        if missing:
            yield warn(f"extra {extra}", f"not installed; {without}", f"pip install 'gitops-auditor[{extra}]'")
        else:
            yield ok(f"extra {extra}", "installed")


def check_cache() -> Check:
    """Whether what is fetched can be kept, and how much is."""
    parts = {name: Cache(cache_folder(name)).info() for name in _CACHES if name != "tuf"}
    size = sum(info.size for info in parts.values())
    entries = sum(info.entries for info in parts.values())
    folder = cache_folder("registry").parent
    why = _not_writable(folder)
    if why:
        help_line = "make it writable, or set XDG_CACHE_HOME: without it everything is fetched anew each time"
        return warn("cache", f"{folder} cannot be written: {why}", help_line)
    return ok("cache", f"{folder}, {entries} entries, {size / 1024:.0f} KiB")


def _not_writable(folder: Path) -> str:
    """Why a file cannot be made there; empty where it can. The folder itself is made as a run would make it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".doctor-", dir=folder)
    except OSError as error:
        return error.strerror or type(error).__name__
    os.close(handle)
    Path(name).unlink(missing_ok=True)
    return ""
