"""Whatever way YAML has to write a path: a kustomization that leads there is found by its bytes."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract import kinds
from auditor.manifests.files import Reader, Shared
from auditor.manifests.kustomize.kustomization import join
from auditor.manifests.nodes import scalars
from auditor.manifests.reach.affected import UNNAMED
from auditor.manifests.reach.survey import claimed_by, survey
from auditor.manifests.reach.written import Written, searchable
from auditor.source.memory import MemoryTree

NAMES = st.sampled_from(
    ["a", "b", "base", "a.b", "it's", "my app", 'q"t', "größe", "日本", "k=v", "-x", "#y", "a\\x62c", "~", "..c", "x,y"]
)
DIRECTORIES = st.lists(NAMES, max_size=4).map("/".join).map(lambda path: path or ".")
STEPS = st.lists(st.one_of(NAMES, st.sampled_from(["..", ".", ""])), min_size=1, max_size=6).map("/".join)


@st.composite
def spelt(draw: st.DrawFn, text: str) -> bytes:
    """A kustomization that lists this text under `resources`, in one of the ways in which YAML writes a text."""
    quoted = json.dumps(text, ensure_ascii=draw(st.booleans()))
    letters = "".join(f"\\x{ord(each):02x}" if each.isalnum() and each.isascii() else each for each in text)
    escaped = '"' + letters.replace('"', "\\x22") + '"' if "\\x" not in text else quoted
    single = "'" + text.replace("'", "''") + "'"
    joined = quoted[:2] + "\\\n    " + quoted[2:] if quoted[1:2].isalnum() else quoted
    ways = {
        "plain": f"resources:\n  - {text}\n",
        "plain in a list": f"resources: [{text}, other]\n",
        "single": f"resources:\n- {single} # said\n",
        "double": f"resources: [{quoted}]\n",
        "escaped": f"resources: [{escaped}]\n",
        "joined": f"resources:\n  - {joined}\n",
        "anchor": f"metadata: {{name: &it {quoted}}}\nresources: [*it]\n",
        "folded": f"resources:\n  - >-\n    {text}\n",
        "literal": f"resources:\n  - |-\n    {text}\n",
        "tag": f"resources: [!!str {quoted}]\n",
        "binary": f"resources: [!!binary {base64.b64encode(text.encode()).decode()}]\n",
        "directive": f"%TAG ! tag:yaml.org,2002:\n---\nresources: [!binary {base64.b64encode(text.encode()).decode()}]\n",
        "json": json.dumps({"resources": [text], "kind": "Kustomization"}),
        "merged": f"x: &x {{files: [k={single}]}}\nconfigMapGenerator: [{{<<: *x, name: n}}]\n",
        "key": f"resources: [{quoted}]\nimages: []\n---\n",
    }
    written = ways[draw(st.sampled_from(sorted(ways)))]
    return written.encode(draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))


@st.composite
def kustomizations(draw: st.DrawFn) -> tuple[str, bytes]:
    return draw(DIRECTORIES), draw(spelt(draw(STEPS)))


def led(directory: str, content: bytes) -> set[str]:
    """Every path that a text of the kustomization leads to."""
    path = join(directory, "kustomization.yaml")
    found = survey(Reader(MemoryTree({path: content}, "t"), kinds.load({}), Shared()), ManifestSettings())
    item = found.kustomizations.get(directory)
    texts = [part for one in scalars(item.node) for part in (one.text, one.text.partition("=")[2])] if item else []
    return {join(directory, text) for text in texts if text}


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(one=kustomizations(), others=st.dictionaries(DIRECTORIES, spelt("../a"), max_size=3))
@example(one=("a/b", b"resources: [../../a]\n"), others={})
@example(one=("a/b", b"resources: [..]\n"), others={"a": b"resources: [b]\n"})
@example(one=("a/b/c", b"resources: [x/../../..]\n"), others={})
@example(one=("b", b"resources: [a\\x62c]\n"), others={})
def test_what_leads_to_a_path_is_found(one: tuple[str, bytes], others: dict[str, bytes]) -> None:
    directory, content = one
    written = Written({**{each: searchable(text) for each, text in others.items()}, directory: searchable(content)})
    for path in led(directory, content) - {directory}:
        if not path.startswith(("../", "/")) and path != "..":
            assert directory in written.naming([path]), path


@given(key=st.sampled_from(UNNAMED), quote=st.sampled_from(["", '"', "'"]), escape=st.booleans())
def test_what_loads_without_naming_is_found(key: str, quote: str, escape: bool) -> None:
    said = f'"\\u{ord(key[0]):04x}{key[1:]}"' if escape else f"{quote}{key}{quote}"
    assert Written({"a": searchable(f"{said}: []\n".encode()), "b": searchable(b"resources: [c]\n")}).unnamed() == {"a"}


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ("resources: [../base]", "team-1/base", True),
        ("resources: [../base]", "team-2/base", False),
        ("resources: [../../team-2/base]", "team-2/base", True),
        ("resources: [../../team-2/other]", "team-2/base", False),
        ("resources: [..]", "team-1", True),
        ("resources: [..]", ".", False),
        ("resources: [../..]", ".", True),
        ("resources: [app.yaml]", "team-1/app/app.yaml", True),
        ("resources: [app.yaml]", "team-1/base/app.yaml", False),
    ],
)
def test_what_says_something_else_is_not_parsed(text: str, path: str, *, found: bool) -> None:
    """It is told where the kustomization stands, so that names which all of them say tell nothing."""
    written = Written({"team-1/app": searchable(text.encode()), "team-3": searchable(b"resources: [base]\n")})
    assert (written.naming([path]) == {"team-1/app"}) is found


def test_a_symlink_leads_elsewhere() -> None:
    texts = {"a": searchable(b"resources: [link/x]\n"), "b": searchable(b"resources: [x]\n")}
    assert Written(texts).naming(["c/y"]) == set()
    assert Written(texts, ["d/link"]).naming(["c/y"]) == {"a"}


@given(name=st.text("ab.'=", min_size=1, max_size=4), text=st.text("ab.'=/[], \n", max_size=12), key=st.booleans())
def test_what_is_loaded_as_a_file_is_found(name: str, text: str, key: bool) -> None:
    """A file of any name: whoever loads it says the name."""
    content = (f"configMapGenerator:\n- files: [{text}]\n" if key else f"resources: [{text}]\n").encode()
    tree = MemoryTree({"d/kustomization.yaml": content, f"d/{name}": b""}, "t")
    reader = Reader(tree, kinds.load({}), Shared())
    item = survey(reader, ManifestSettings()).kustomizations.get("d")
    if item is not None and f"d/{name}" in claimed_by(reader, item):
        assert Written({"d": searchable(content)}).says("d", name)
