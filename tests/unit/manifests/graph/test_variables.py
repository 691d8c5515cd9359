"""Variables filled in as Flux does. The expectations follow the test table of fluxcd/pkg/envsubst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.manifests.graph.envsubst import expand

VALUES = {
    "TAG": "v1.2",
    "HOST": "ghcr.io",
    "EMPTY": "",
    "MIXED": "aBc",
    "OUTER": "${TAG}",
    "NAME": "v1.2.3-rc1-x",
    "PATH": "a/b",
    "LONG": "x" * 100_000,
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${HOST}/acme/api:${TAG}", "ghcr.io/acme/api:v1.2"),
        ("${NONE:=a}", "a"),
        ("${NONE:-a}", "a"),
        ("${NONE=a}", "a"),
        ("${NONE-a}", "a"),
        ("${EMPTY:=a}", "a"),
        ("${EMPTY=a}", ""),
        ("${EMPTY}", ""),
        ("${TAG:=a}", "v1.2"),
        ("${NONE:=${TAG}}", "v1.2"),
        ("${NONE:=${OTHER:=b}}", "b"),
        ("${MIXED^^}", "ABC"),
        ("${MIXED,,}", "abc"),
        ("${MIXED^}", "ABc"),
        ("${TAG:1}", "1.2"),
        ("${TAG:1:1}", "1"),
        ("${TAG#v}", "1.2"),
        ("${TAG%.2}", "v1"),
        ("${TAG#*.}", "2"),
        ("${NAME##*-}", "x"),
        ("${NAME#*-}", "rc1-x"),
        ("${NAME%%-*}", "v1.2.3"),
        ("${NAME%-?}", "v1.2.3-rc1"),
        ("${NAME%%none*}", "v1.2.3-rc1-x"),
        ("${TAG/#v/w}", "w1.2"),
        ("${TAG/#1/w}", "v1.2"),
        ("${TAG/%2/3}", "v1.3"),
        ("${TAG/v/x}", "x1.2"),
        ("${TAG//1/0}", "v0.2"),
        ("$${TAG}", "${TAG}"),
        ("$TAG", "$TAG"),
        ("${TAG", "${TAG"),
        ("a:b", "a:b"),
    ],
)
def test_what_is_filled_in(text: str, filled: str) -> None:
    assert expand(text, VALUES.get).text == filled


@pytest.mark.parametrize(
    "text", ["${NONE}", "${NONE^^}", "${TAG#[v]}", "${PATH%%*b}", "${LONG#?}", "${1A}", "${}", "${A B}", "a${NONE}b"]
)
def test_what_is_not_known_stays_as_it_is_written(text: str) -> None:
    assert expand(text, VALUES.get).text == text


def test_names_in_order_and_unknown_ones() -> None:
    done = expand("${HOST}/${NONE}:${TAG}${OTHER:=x}", VALUES.get)
    assert (done.names, done.unknown) == (("HOST", "TAG"), ("NONE",))


def test_a_value_is_not_filled_in_again() -> None:
    assert expand("${OUTER}", VALUES.get).text == "${TAG}"


def test_defaults_inside_of_defaults_end() -> None:
    text = "${NONE:=" * 5000 + "x" + "}" * 5000
    assert "${NONE" in expand(text, VALUES.get).text


def test_a_text_that_would_grow_without_end_stays_as_it_is() -> None:
    text = "${LONG}" * 10_000
    assert expand(text, VALUES.get).text == text


@given(st.text(alphabet="${}AB:=-x#%/^,0 "))
def test_every_text_is_read(text: str) -> None:
    assert isinstance(expand(text.replace("A", "TAG").replace("B", "EMPTY"), VALUES.get).text, str)
