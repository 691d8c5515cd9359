"""What a kustomization writes into the texts of a ConfigMap is read like any other text, and at its own line."""

from __future__ import annotations

import textwrap

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.use import Use
from auditor.source.memory import MemoryTree
from tests.support.renderers import rendered

BASE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: inject}
data:
  values: |
    hub: ghcr.io/acme
    tag: v1
    proxy: {image: proxy}
"""
MERGE = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: inject}
data:
  values: |
    hub: ghcr.io/acme
    tag: v2
    proxy:
      image: proxy
"""
JSON = """\
- op: replace
  path: /data/values
  value: |
    apiVersion: v1
    kind: Pod
    spec: {containers: [{name: a, image: acme/json:2}]}
"""
LINE = """\
- {op: add, path: /data/side, value: '{"image": "acme/side:2"}'}
"""
TOML = """\
[runners.kubernetes]
  image = "acme/job:1"
"""


def patched(patch: str, more: str = "") -> dict[str, str]:
    entry = f"- target: {{kind: ConfigMap}}\n  patch: |\n{textwrap.indent(patch, '    ')}"
    return {"kustomization.yaml": f"resources: [cm.yaml]\npatches:\n{entry}{more}", "cm.yaml": BASE}


CASES = {
    "file": (
        {"kustomization.yaml": "resources: [cm.yaml]\npatches: [{path: p.yaml}]\n", "cm.yaml": BASE, "p.yaml": MERGE},
        {("ghcr.io/acme/proxy:v2", "p.yaml", 9)},
    ),
    "inline": (patched(MERGE), {("ghcr.io/acme/proxy:v2", "kustomization.yaml", 13)}),
    "operation": (patched(JSON), {("acme/json:2", "kustomization.yaml", 10)}),
    "one line": (
        patched(LINE),
        {("acme/side:2", "kustomization.yaml", 5), ("ghcr.io/acme/proxy:v1", "cm.yaml", 8)},
    ),
    "literal": (
        {"kustomization.yaml": 'configMapGenerator:\n- name: g\n  literals:\n  - \'x={"image": "acme/literal:1"}\'\n'},
        {("acme/literal:1", "kustomization.yaml", 4)},
    ),
    "settings": (
        {
            "kustomization.yaml": "configMapGenerator:\n- {name: g, files: [config.toml]}\n",
            "config.toml": TOML,
        },
        {("acme/job:1", "config.toml", 2)},
    ),
}


def told(uses: tuple[Use, ...]) -> set[tuple[str, str, int]]:
    return {(use.reference, use.place.file, use.place.line) for use in uses}


@pytest.mark.parametrize("case", CASES)
def test_our_own_reading_finds_what_is_written_into_a_text(case: str) -> None:
    files, expected = CASES[case]
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "tree")
    assert told(inventory(tree, ManifestSettings()).uses) == expected


@pytest.mark.interop
@pytest.mark.parametrize("case", CASES)
def test_what_kustomize_prints_is_placed_at_the_same_lines(case: str) -> None:
    files, expected = CASES[case]
    found = rendered(files, "kustomize")
    assert not found.gaps
    assert told(found.uses) == expected


def test_a_text_that_says_repository_and_tag_at_its_top_keeps_the_tag() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  v: |\n    repository: ghcr.io/acme/x\n    tag: v3\n"
    found = inventory(MemoryTree({"cm.yaml": text.encode()}, "tree"), ManifestSettings())
    assert told(found.uses) == {("ghcr.io/acme/x:v3", "cm.yaml", 7)}
