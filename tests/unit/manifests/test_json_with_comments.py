"""JSON with comments: settings of editors, which nothing of Kubernetes takes. What is in it is seen, and it is no broken manifest."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.source.memory import MemoryTree

SETTINGS = """\
// how the editor starts
{
  "name": "x", /* with a "quoted"
  comment */
  "image": "ghcr.io/acme/dev:1", // here
  "url": "https://acme.example/x // no comment",
}
"""


def read(path: str, text: str) -> tuple[set[tuple[str, int]], set[str | None]]:
    found = inventory(MemoryTree({path: text.encode()}, "test"), ManifestSettings(), every=True)
    return {(use.reference, use.place.line) for use in found.uses}, {gap.rule for gap in found.gaps}


def test_comments_are_no_reason_to_call_it_broken() -> None:
    assert read(".devcontainer/devcontainer.json", SETTINGS) == ({("ghcr.io/acme/dev:1", 5)}, set())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.json", SETTINGS.replace('"url"', "[")),
        ("a.json", '{"image": "ghcr.io/acme/dev:1" /* no end'),
        ("a.yaml", SETTINGS),
    ],
    ids=["broken all the same", "a comment without an end", "no JSON"],
)
def test_what_is_broken_is_told(path: str, text: str) -> None:
    assert read(path, text)[1] == {"unparsable-file"}


def test_a_manifest_with_comments_is_still_read() -> None:
    text = '{"apiVersion": "v1", "kind": "Pod", // x\n "metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "acme/a:1"}]}}'
    assert read("pod.json", text) == ({("acme/a:1", 2)}, set())


DOUBT = '"kind": "ConfigMap", "kind": "Pod"'
DEEP = "[" * 250 + "]" * 250
EVIL = '"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "evil.example/a:1"}]}'


@pytest.mark.parametrize(
    "text",
    [
        f'{{"apiVersion": "v1", {DOUBT}, // y: 1, {EVIL},\n"z": 1}}',
        f'{{"apiVersion": "v1", "kind": "Pod", // y: {DEEP}, {EVIL},\n"z": 1}}',
        f'{{"a": 1 /*\n---\n{{"apiVersion": "v1", "kind": "Pod", {EVIL}}}\n---\n*/ }}',
        f'apiVersion: v1\nkind: ConfigMap\nkind: Secret\ndata:\n  a: /*\n---\n{{"apiVersion": "v1", "kind": "Pod", {EVIL}}}\n---\n*/\n',
    ],
    ids=[
        "an object that says two kinds",
        "deeper than is read",
        "a document within a comment",
        "a comment between documents",
    ],
)
def test_what_only_looks_like_a_comment_hides_nothing(text: str) -> None:
    """YAML has no such comments: `// y` and `/*` are words there, and what follows them is deployed."""
    uses, gaps = read("pod.json", text)
    if DEEP in text:
        assert "unparsable-file" in gaps
    else:
        assert "evil.example/a:1" in {reference for reference, _ in uses}
