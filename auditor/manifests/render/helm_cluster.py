"""What helm-python-sdk has no options for: the version of Kubernetes that a chart is rendered for, and charts without their tests.

Source: Helm's pkg/action (`--kube-version`, `--skip-tests`) and pkg/engine: templates of one chart share one map of built-in
objects, which `set` of sprig can write to.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import helm_python

from auditor.manifests.helm.semver import Version
from auditor.manifests.nodes import Mapping
from auditor.manifests.yaml import Broken, Tangled, documents, full

_GZIP: Final = b"\x1f\x8b"
_BETWEEN: Final = re.compile(r"(?:^|(?<=\n))---[^\n]*(?:\n|$)")
_TESTS: Final = frozenset({"test", "test-success"})
_TOLD: Final = (
    '{{{{ $_ := set $ "Capabilities" (dict "KubeVersion" (dict "Version" "{version}" "GitVersion" "{version}"'
    ' "Major" "{major}" "Minor" "{minor}") "APIVersions" $.Capabilities.APIVersions'
    ' "HelmVersion" $.Capabilities.HelmVersion) }}}}'
)
"""Comes before each template, on its first line: what a template prints, and on which line, stays the same."""


@contextmanager
def told(chart: Path, kube_version: str) -> Iterator[Path]:
    """The chart where its templates see this version; a copy of it, where they look at one. Raises HelmError."""
    version = Version.parse(kube_version)
    if version is None or not any(_may_ask(file) for file in chart.rglob("*")):
        yield chart
        return
    prefix = _TOLD.format(
        version=f"v{version.major}.{version.minor}.{version.patch}", major=version.major, minor=version.minor
    ).encode()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / chart.name
        shutil.copytree(chart, copy)
        _unpack(copy)
        for file in copy.rglob("*"):
            if "templates" in file.relative_to(copy).parts[:-1] and file.is_file():
                file.write_bytes(prefix + file.read_bytes())
        yield copy


def without_tests(text: str) -> str:
    """What a template printed, without the objects that `helm test` makes."""
    kept = [part for part in _BETWEEN.split(text) if not _is_test(part)]
    return "---\n".join(kept)


def _may_ask(file: Path) -> bool:
    content = file.read_bytes() if file.is_file() else b""
    return b"KubeVersion" in content or content.startswith(_GZIP)


def _unpack(chart: Path) -> None:
    """Charts that a chart carries as archives become folders, and those that these carry."""
    for archive in sorted((chart / "charts").glob("*.tgz")):
        helm_python.expand(archive.parent, archive)
        archive.unlink()
    for inner in (chart / "charts").glob("*/"):
        _unpack(inner)


def _is_test(part: str) -> bool:
    """pkg/release: a hook is a test where one of its events is."""
    for document in documents(part.encode(), ""):
        try:
            item = None if isinstance(document, Broken) else full(document)
        except Tangled:
            continue
        if isinstance(item, Mapping):
            hook = item.mapping("metadata").mapping("annotations").text("helm.sh/hook")
            return any(event.strip().lower() in _TESTS for event in hook.split(","))
    return False
