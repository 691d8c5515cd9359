"""Values: merged as Helm merges, written so that a YAML parser reads back what was meant, marked and found again."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests.contents import complete
from auditor.manifests.helm.needs import nested, typed
from auditor.manifests.helm.values import leaves, marked, merged, pruned, unmarked, written
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence


def node(text: str) -> Mapping:
    found = complete(text.encode(), "values.yaml", None)[0]
    assert isinstance(found, Mapping)
    return found


def again(given_: Node) -> Any:
    return yaml.safe_load(written(given_))


def test_mappings_merge_and_everything_else_replaces() -> None:
    whole = merged([node("a: {b: 1, c: 2}\nl: [1, 2]"), node("a: {b: 3}\nl: [4]")])
    assert again(whole) == {"a": {"b": 3, "c": 2}, "l": [4]}


def test_null_deletes_a_default() -> None:
    assert again(merged([node("a: {b: 1, c: 2}"), node("a: {b: null}")], final=True)) == {"a": {"c": 2}}


def test_what_is_written_keeps_its_type() -> None:
    text = "a: 1.10\nb: '1.10'\nc: yes\nd: 'yes'\ne: ~\nf: 0123\ng: 1.2.3\nh: v1\ni: |\n  x: 1\n  y\nj: !!str 5\n"
    assert again(node(text)) == yaml.safe_load(text)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029"), max_size=20)


@given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)))
def test_every_text_comes_back_as_it_was(value: Any) -> None:
    def build(part: Any) -> Node:
        if isinstance(part, dict):
            return Mapping([(key, build(inner)) for key, inner in part.items()])
        return Sequence([build(inner) for inner in part]) if isinstance(part, list) else Scalar(part, "f", 1, 1)

    assert yaml.safe_load(written(Mapping([("root", build(value))]))) == {"root": value}


@given(st.sampled_from(["nginx", "1.25", "ghcr.io/acme/api", "sha256:" + "a" * 64]), st.integers(0, 99_999))
def test_a_mark_comes_off_again(text: str, number: int) -> None:
    assert unmarked(marked(Scalar(text, "f", 1, 1), number)) == (text, [number])


def test_an_unquoted_number_is_marked_as_helm_prints_it() -> None:
    assert unmarked(marked(Scalar("1.10", "f", 1, 1, quoted=False), 7)) == ("1.1", [7])


def test_leaves_are_what_an_image_may_be_made_of() -> None:
    text = "image: {repository: acme/api, tag: 1, pullPolicy: Always}\nreplicas: 2\nhub: ghcr.io\nurl: ghcr.io/acme/x:1\nname: x\nproxy: acme/proxy:v2\nlisten: host/path:80\n"
    found = {scalar.text for scalar in leaves(node(text))}
    assert found == {"acme/api", "1", "ghcr.io", "ghcr.io/acme/x:1", "acme/proxy:v2"}


def test_a_list_with_a_marked_leaf_stays_whole() -> None:
    values = node("side:\n- {image: a:1}\n- {name: b}\nother: {x: 1}\n")
    wanted = {id(scalar): 0 for scalar in leaves(values)}
    kept = pruned(values, wanted)
    assert kept is not None
    assert again(kept) == {"side": [{"image": "a:1"}, {"name": "b"}]}


def test_a_parameter_is_a_path() -> None:
    assert again(nested(r"a.b\.c.d", Scalar("x", "f", 1, 1))) == {"a": {"b.c": {"d": "x"}}}


def test_parameters_have_helms_types() -> None:
    def read(text: str, *, forced: bool) -> Any:
        return again(nested("a", typed(Scalar(text, "f", 1, 1), text=forced)))["a"]

    assert [read(text, forced=False) for text in ("true", "12", "012", "1.10", "null")] == [
        True,
        12,
        "012",
        "1.10",
        None,
    ]
    assert [read(text, forced=True) for text in ("true", "12")] == ["true", "12"]
