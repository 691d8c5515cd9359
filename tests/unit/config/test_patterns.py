"""Patterns over names, paths and identities: the dialect, its anchors, and what can never match."""

from __future__ import annotations

import pytest

from auditor.config.names import InvalidPattern, NamePattern, PathPattern, TextPattern, clean_path
from auditor.model.reference import Reference


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("ghcr.io/acme/**", "ghcr.io/acme/team/api", True),
        ("ghcr.io/acme/*", "ghcr.io/acme/team/api", False),
        ("ghcr.io/acme/*", "ghcr.io/acme/api", True),
        ("ghcr.io/acme/legacy-*", "ghcr.io/acme/legacy-", True),
        ("ghcr.io/acme/api", "ghcr.io/acme/api", True),
        ("ghcr.io/acme/api", "ghcr.io/acme/api2", False),
        ("ghcr.io/acme/api", "xghcr.io/acme/api", False),
        ("ghcr.io/acme/a.i", "ghcr.io/acme/api", False),
        ("ghcrxio/acme/**", "ghcr.io/acme/api", False),
        ("**", "ghcr.io/acme/api", True),
        ("registry.internal:5000/**", "registry.internal:5000/a", True),
        ("registry.internal/**", "registry.internal:5000/a", False),
        ("ghcr.io/acme/[a]", "ghcr.io/acme/a", False),
        ("ghcr.io/acme/(a|b)", "ghcr.io/acme/a", False),
    ],
)
def test_names(pattern: str, name: str, expected: bool) -> None:
    assert NamePattern.parse(pattern).matches(name) is expected


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.27", "docker.io/library/nginx"),
        ("acme/*", "docker.io/acme/*"),
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("docker.io/*", "docker.io/library/*"),
        ("index.docker.io/acme/*", "docker.io/acme/*"),
        ("ghcr.io/acme/api:1.2", "tag"),
        ("ghcr.io/acme/api@sha256:aa", "digest"),
        ("ghcr.io/Acme/*", "lower case"),
        ("ghcr.io/acme//api", "empty segment"),
        ("ghcr.io/acme/", "empty segment"),
        ("ghcr.io/acme/-x-", "no part"),
        ("gh cr.io/acme/*", "no registry host"),
        ("https://ghcr.io/acme/*", "no registry host"),
        ("ghcr.io/{acme}/*", "no repository has"),
    ],
)
def test_a_pattern_that_can_never_match_says_what_to_write(pattern: str, hint: str) -> None:
    why = NamePattern.parse(pattern).never
    assert why is not None
    assert hint in why or hint == "no registry host"


@pytest.mark.parametrize(
    "name", ["nginx", "acme/api", "ghcr.io/acme/api", "127.0.0.1:5000/acme/web", "localhost/x", "Acme.io/a", "a/b/c__d"]
)
def test_a_normalised_name_is_a_pattern_that_can_match(name: str) -> None:
    normalised = Reference.parse(name).name
    pattern = NamePattern.parse(normalised)
    assert pattern.never is None
    assert pattern.matches(normalised)


@pytest.mark.parametrize("text", ["", "a\nb", "a\x00", "x" * 5000, "a\ud800"])
def test_patterns_that_cannot_be_used(text: str) -> None:
    for make in (NamePattern.parse, PathPattern.parse, TextPattern.glob, TextPattern.regex):
        with pytest.raises(InvalidPattern):
            make(text)


@pytest.mark.parametrize(
    ("text", "everything"), [("**", True), ("**/*", True), ("*.*/**", True), ("ghcr.io/**", False)]
)
def test_everything(text: str, everything: bool) -> None:
    assert NamePattern.parse(text).everything is everything


class TestPaths:
    @pytest.mark.parametrize(
        ("pattern", "path", "expected"),
        [
            ("clusters/prod/**", "clusters/prod/api/kustomization.yaml", True),
            ("clusters/prod/**", "clusters/prod", True),
            ("clusters/prod/**", "clusters/production", False),
            ("clusters/*/**", "clusters/prod", True),
            ("clusters/prod", "clusters/prod", True),
            ("clusters/prod", "clusters/prod/api", False),
            ("./clusters/prod/", "clusters/prod", True),
            ("**", ".", True),
            (".", ".", True),
            ("*.yaml", "a/b.yaml", False),
            ("**/b.yaml", "a/b.yaml", True),
        ],
    )
    def test_roots_and_files(self, pattern: str, path: str, expected: bool) -> None:
        assert PathPattern.parse(pattern).matches(path) is expected

    @pytest.mark.parametrize("name", ["clusters/prod/a\nb.yaml", "clusters/prod/\udcff.yaml", "clusters/prod/\x07"])
    def test_a_strange_file_name_does_not_escape_its_rule(self, name: str) -> None:
        assert PathPattern.parse("clusters/prod/**").matches(name)

    @pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", "~/x", "C:/x", "a\\b", ""])
    def test_paths_stay_in_the_tree(self, path: str) -> None:
        with pytest.raises(InvalidPattern):
            clean_path(path)


class TestIdentities:
    @pytest.mark.parametrize(
        "value", ["a@b.example\n", "a@b.example\nx", "\na@b.example", "a@b.example\x00", "a@b.example\r"]
    )
    def test_a_newline_does_not_pass_an_anchor(self, value: str) -> None:
        for pattern in (
            TextPattern.exact("a@b.example"),
            TextPattern.glob("*@b.example"),
            TextPattern.glob("**@b.example**"),
            TextPattern.regex("^.*@b\\.example$"),
            TextPattern.regex("(?m)^.*@b\\.example$"),
            TextPattern.regex("(?s).*@b\\.example.*"),
        ):
            assert pattern.matches("a@b.example")
            assert not pattern.matches(value)

    def test_a_regular_expression_is_anchored(self) -> None:
        pattern = TextPattern.regex("https://github\\.com/acme/.+")
        assert pattern.matches("https://github.com/acme/x")
        assert not pattern.matches("evil https://github.com/acme/x")
        assert not TextPattern.regex("https://github\\.com/acme").matches("https://github.com/acme-evil")

    def test_alternation_is_anchored_as_a_whole(self) -> None:
        pattern = TextPattern.regex("a|b")
        assert pattern.matches("a")
        assert pattern.matches("b")
        assert not pattern.matches("ax")
        assert not pattern.matches("xb")

    @pytest.mark.parametrize(
        "text", ["(?=a)", "(a)\\1", "(", "a{1000}{1000}", "(?P<x>a", "[z-a]", "\\Qa", "((a{100}){100}){100}"]
    )
    def test_what_re2_refuses_is_refused(self, text: str) -> None:
        if text == "\\Qa":
            assert TextPattern.regex(text).matches("a")  # RE2 reads it; the proof of narrowness does not
            return
        with pytest.raises(InvalidPattern, match="RE2"):
            TextPattern.regex(text)

    def test_special_characters_of_a_glob_are_literal(self) -> None:
        assert TextPattern.glob("a.b+c(d)|[e]^$*").matches("a.b+c(d)|[e]^$x")
        assert not TextPattern.glob("a.b*").matches("axbc")

    def test_texts_are_told_apart_by_kind(self) -> None:
        assert TextPattern.glob("a") == TextPattern.exact("a")
        assert TextPattern.regex("a") != TextPattern.exact("a")
        assert str(TextPattern.regex("a.b")) == "/a.b/"
