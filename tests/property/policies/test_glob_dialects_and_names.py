"""The glob dialects of policy-controller and Connaisseur against matchers that are slow and plain; names; what lints promise."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.names import InvalidPattern, NamePattern
from auditor.model.reference import Digest, InvalidReference, Reference
from auditor.policies.clusterimagepolicy import names
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.connaisseur.rules import full_name, governing, pattern_matches
from auditor.policies.export.overlap import overlap
from auditor.policies.kyverno.names import name_of
from auditor.policies.kyverno.wildcard import matches as wildcard
from auditor.policies.lint.reach import PINNED, TAGGED, can_match, starred, wild

DIGEST = Digest("0123456789abcdef" * 4)
HOSTS = st.sampled_from(["ghcr.io", "registry.acme.example:5000", "localhost", "index.docker.io", "docker.io", "a.b"])
PARTS = st.lists(st.sampled_from(["acme", "web", "ab", "b.c", "library", "x_y"]), min_size=1, max_size=3)
GLOB = st.text(alphabet="ab./:@*-", min_size=1, max_size=10)
SMALL = st.text(alphabet="ab./:@-", max_size=12)


@st.composite
def references(draw: st.DrawFn) -> str:
    host = draw(st.one_of(st.none(), HOSTS))
    path = "/".join(draw(PARTS))
    tag = draw(st.sampled_from(["", ":1", ":v1.2-x"]))
    digest = draw(st.sampled_from(["", f"@{DIGEST}"]))
    return f"{host}/{path}{tag}{digest}" if host else f"{path}{tag}{digest}"


@st.composite
def globs(draw: st.DrawFn) -> str:
    """Parts of names, and stars between them."""
    parts = draw(
        st.lists(
            st.sampled_from(
                [
                    "*",
                    "**",
                    "/",
                    ":",
                    "@",
                    "sha256:",
                    "ghcr.io",
                    "index.docker.io",
                    "acme",
                    "web",
                    "1",
                    "latest",
                    "a",
                    "0",
                ]
            ),
            min_size=1,
            max_size=7,
        )
    )
    return "".join(parts)


def slowly(glob: str, text: str, *, crosses: bool) -> bool:
    """Character by character. `crosses`: a single star takes slashes as well."""

    @cache
    def match(at: int, place: int) -> bool:
        if at == len(glob):
            return place == len(text)
        if glob.startswith("**", at):
            return any(match(at + 2, end) for end in range(place, len(text) + 1))
        if glob[at] == "*":
            ends = [place]
            while ends[-1] < len(text) and (crosses or text[ends[-1]] != "/"):
                ends.append(ends[-1] + 1)
            return any(match(at + 1, end) for end in ends)
        return place < len(text) and text[place] == glob[at] and match(at + 1, place + 1)

    return match(0, 0)


@given(GLOB, SMALL)
def test_policy_controller_globs(glob: str, text: str) -> None:
    meant = {"*": "index.docker.io/library/*", "*/*": "index.docker.io/*/*"}.get(glob, glob)
    assert Glob.parse(glob).matches(text) is slowly(meant, text, crosses=False)


@given(st.text(min_size=1, max_size=6))
def test_policy_controller_refuses_other_characters(glob: str) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:/*.@")
    if set(glob) <= allowed:
        Glob.parse(glob)
    else:
        with pytest.raises(InvalidPattern):
            Glob.parse(glob)


@given(st.text(alphabet="ab./:@*-", min_size=1, max_size=10), SMALL)
def test_connaisseur_patterns(pattern: str, text: str) -> None:
    start = "" if pattern.startswith("*") else "*"
    end = "" if pattern.endswith("*") else "*"
    assert pattern_matches(pattern, text) is slowly(f"{start}{pattern}{end}", text, crosses=True)


@given(references(), st.lists(globs(), max_size=5))
def test_the_governing_pattern_matches_and_none_has_more_parts(text: str, patterns: list[str]) -> None:
    name = full_name(text)
    best = governing([(each, each) for each in patterns], name)
    matching = [each for each in patterns if pattern_matches(each, name)]
    assert (best in matching) if matching else best is None
    if best is not None:
        assert best.count("/") == max(each.count("/") for each in matching)


@given(references())
def test_names_are_stable_and_keep_the_repository(text: str) -> None:
    reference = names.parse(text)
    again = names.parse(names.name(reference))
    assert (again.name, names.name(again)) == (reference.name, names.name(reference))
    assert names.pinned_name(reference, DIGEST).endswith(f"@{DIGEST}")
    assert names.parse(full_name(text)).name == reference.name


@given(st.text(max_size=30))
def test_no_text_is_read_as_another_image(text: str) -> None:
    try:
        reference = names.parse(text)
    except InvalidReference:
        return
    assert reference == Reference.parse(text) or text.startswith("localhost/")


@settings(max_examples=300)
@given(globs(), references())
def test_a_glob_that_matches_something_is_not_called_dead(glob: str, text: str) -> None:
    pinned = names.pinned_name(names.parse(text), DIGEST)
    if Glob.parse(glob).matches(pinned):
        assert can_match(starred(Glob.parse(glob).parts), PINNED)
    if wildcard(glob, name_of(text)):
        assert can_match(wild(glob), TAGGED)


PATTERNS = st.lists(st.sampled_from(["*", "**", "/", "ghcr.io", "acme", "web", "a", "."]), min_size=1, max_size=6).map(
    "".join
)


@settings(max_examples=300)
@given(PATTERNS, PATTERNS, references())
def test_patterns_with_a_common_name_overlap(one: str, other: str, text: str) -> None:
    name = Reference.parse(text).name
    if NamePattern.parse(one).matches(name) and NamePattern.parse(other).matches(name):
        assert overlap(one, other)
    assert overlap(one, other) is overlap(other, one)


def test_patterns_without_a_common_name_do_not_overlap() -> None:
    assert not overlap("ghcr.io/acme/**", "quay.io/acme/**")
    assert not overlap("ghcr.io/*", "ghcr.io/acme/*")
    assert not overlap("ghcr.io/acme/api", "ghcr.io/acme/api2")
    assert overlap("ghcr.io/acme/**", "**")
    assert overlap("*/acme/*", "ghcr.io/*/api")
