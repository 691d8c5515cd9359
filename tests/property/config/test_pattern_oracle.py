"""The glob dialect against an independent matcher, and the proof of narrowness against everything short."""

from __future__ import annotations

import itertools
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.config.breadth import wide_subject
from auditor.config.names import InvalidPattern, NamePattern, PathPattern, TextPattern
from auditor.model.reference import InvalidReference, Reference


def oracle(pattern: str, value: str) -> bool:
    """The dialect, character by character, without any regular expression."""

    @cache
    def at(p: int, v: int) -> bool:
        if p == len(pattern):
            return v == len(value)
        if pattern.startswith("**", p):
            return any(at(p + 2, end) for end in range(v, len(value) + 1))
        if pattern[p] == "*":
            stop = next((i for i in range(v, len(value)) if value[i] == "/"), len(value))
            return any(at(p + 1, end) for end in range(v, stop + 1))
        return v < len(value) and value[v] == pattern[p] and at(p + 1, v + 1)

    return at(0, 0)


PATTERNS = st.text(alphabet="ab/.*+[](|)^$\\é{}?-#& ", min_size=1, max_size=12)
VALUES = st.text(alphabet="ab/.+[](|)^$\\é{}?-#& ", max_size=12)


@settings(max_examples=400, deadline=None)
@given(PATTERNS, VALUES)
@example("a*", "a\\")
@example("***", "a/b")
def test_globs_agree_with_the_oracle(pattern: str, value: str) -> None:
    expected = oracle(pattern, value)
    assert NamePattern.parse(pattern).matches(value) is expected
    assert TextPattern.glob(pattern).matches(value) is expected


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab/*", min_size=1, max_size=8), st.text(alphabet="ab/", min_size=1, max_size=8))
def test_a_path_pattern_matches_what_its_glob_matches_and_the_folder_itself(pattern: str, path: str) -> None:
    try:
        parsed = PathPattern.parse(pattern)
    except InvalidPattern:
        return
    itself = parsed.text.endswith("/**") and oracle(parsed.text[:-3], path)
    assert parsed.matches(path) is (oracle(parsed.text, path) or itself)


@settings(max_examples=200, deadline=None)
@given(PATTERNS, VALUES, st.sampled_from("\n\r\x00\x85\x7f"), st.integers(0, 12))
def test_a_control_character_matches_nothing(pattern: str, value: str, control: str, position: int) -> None:
    dirty = value[:position] + control + value[position:]
    assert not TextPattern.glob(pattern).matches(dirty)
    assert not TextPattern.regex("(?s).*").matches(dirty)


_SEGMENT = st.text(alphabet="ab-._1", min_size=1, max_size=4)
_NAMES = st.builds(
    lambda host, path: "/".join([*host, *path]),
    st.lists(st.sampled_from(["ghcr.io", "localhost", "a.io:5000", "docker.io", "ACME", "library"]), max_size=1),
    st.lists(_SEGMENT, min_size=1, max_size=3),
)
_NAME_PATTERNS = st.text(alphabet="ab*/.:-1L", min_size=1, max_size=7) | st.builds(
    lambda host, rest: f"{host}/{rest}",
    st.sampled_from(["docker.io", "ghcr.io", "index.docker.io", "*", "**", "a", "localhost", "ACME", "a.io:5000"]),
    st.text(alphabet="ab*/.:-_1", min_size=1, max_size=5),
)


@settings(max_examples=600, deadline=None)
@given(_NAME_PATTERNS, _NAMES)
def test_what_is_said_never_to_match_never_matches(pattern: str, text: str) -> None:
    try:
        name = Reference.parse(text).name
    except InvalidReference:
        return
    parsed = NamePattern.parse(pattern)
    if parsed.never:
        assert not parsed.matches(name)
    literal = NamePattern.parse(name)
    assert literal.never is None
    assert literal.matches(name)


_STRANGERS = tuple("".join(letters) for size in range(4) for letters in itertools.product("e/|)(", repeat=size))
_OWN = "h://o/a/"
_PIECES = st.sampled_from(
    [
        "e",
        "/",
        ".",
        "|",
        "(",
        ")",
        "(?:",
        "(?i)",
        "[",
        "]",
        "^",
        "$",
        "*",
        "+",
        "?",
        "{0}",
        "{0,2}",
        "\\",
        "\\Q",
        "\\E",
        "\\|",
        "\\d",
    ]
)


@settings(max_examples=1500, deadline=None)
@given(st.lists(_PIECES, max_size=9).map("".join))
@example("[^](x[a]|e[^])[a]")
@example("[]|]|e")
@example("(|e")
@example("\\Q|\\E|e")
@example("*")
@example("{0}")
def test_an_expression_that_passes_has_no_strangers(rest: str) -> None:
    """Every short text that does not start with the owner is tried against whatever the proof lets through."""
    try:
        pattern = TextPattern.regex(_OWN + rest)
    except InvalidPattern:
        return
    if wide_subject(pattern) is None:
        for stranger in (*_STRANGERS, "h://o/", "h://o/e", "h://o/e/a/", "h:/"):
            assert not pattern.matches(stranger), stranger


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(st.lists(_PIECES | st.sampled_from(["@", "m.io", "m\\.io", "@m\\.io"]), max_size=7).map("".join))
@example("e|e@m\\.io")
@example(".*(@m\\.io)?")
def test_a_mail_expression_that_passes_has_a_literal_domain(text: str) -> None:
    try:
        pattern = TextPattern.regex(f"{text}@m\\.io")
    except InvalidPattern:
        return
    if wide_subject(pattern) is None:
        for stranger in (*_STRANGERS, "e@e.io", "e@mxio", "e@", "@"):
            assert not pattern.matches(stranger), stranger
