"""The real kustomize and helm for tests: from PATH, or from the project's folder of tools."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.render.tools import Renderers, find_renderers
from auditor.source.memory import MemoryTree

TOOLS = Path(__file__).resolve().parents[2] / ".cache" / "tools"


def renderers(*needed: str) -> Renderers:
    """What this machine has; skips the test where a needed program is missing."""
    found = find_renderers({**os.environ, "PATH": os.pathsep.join([str(TOOLS), os.environ.get("PATH", "")])})
    for name in needed:
        if getattr(found, name) is None:
            pytest.skip(f"{name} is not installed")
    return found


needs_library = pytest.mark.skipif(
    importlib.util.find_spec("helm_python") is None,
    reason="the extra `helm` is not installed, or has no wheel for this machine",
)


def library() -> Renderers:
    """Helm as a library, as a machine without helm has it."""
    found = find_renderers({"PATH": ""})
    assert found.helm is not None
    assert not found.helm.is_program
    return found


def rendered(files: dict[str, str], *needed: str, settings: ManifestSettings | None = None) -> Inventory:
    """What a tree of these files deploys, rendered by the real programs."""
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "test")
    return inventory(tree, settings or ManifestSettings(), renderers=renderers(*needed))


def placed(found: Inventory) -> set[tuple[str, str, int]]:
    """Reference, file and line of every use."""
    return {(use.reference, use.place.file, use.place.line) for use in found.uses}
