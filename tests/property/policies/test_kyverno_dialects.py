"""Kyverno's two glob dialects and its names, against independent oracles written from their descriptions."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.config.names import InvalidPattern
from auditor.policies import gobwas
from auditor.policies.kyverno.names import name_of, repository_of
from auditor.policies.kyverno.wildcard import matches

LETTERS = "ab/:.@[]{}!-\\+(|\n"
WILD = st.text(st.sampled_from(LETTERS + "**??"), max_size=12)
TEXT = st.text(st.sampled_from(LETTERS), max_size=12)


def by_steps(pattern: str, text: str) -> bool:
    """MinIO's matcher in words: an asterisk takes any run, a question mark exactly one character, all else itself."""
    reached = {0}
    for each in pattern:
        if each == "*":
            reached = set(range(min(reached, default=len(text) + 1), len(text) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(text) and each in {"?", text[at]}}
    return len(text) in reached


@given(WILD, TEXT)
def test_the_classic_wildcards(pattern: str, text: str) -> None:
    try:
        found = matches(pattern, text)
    except InvalidPattern:
        assert "\n" in pattern  # a pattern with a control character is no pattern here
        return
    assert found is by_steps(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("?", "", False),
        ("a.c", "abc", False),  # a dot is a dot
        ("[ab]", "a", False),  # brackets are brackets
        ("ghcr.io/*", "ghcr.io/acme/team/api:1@sha256:00", True),  # slashes and colons are crossed
        ("*:v1", "ghcr.io/acme/api@sha256:00", False),  # pinned names have lost their tag
        ("ghcr.io/acme", "ghcr.io/acme/api", False),
    ],
)
def test_wildcards_by_example(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


# ── gobwas ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS = st.one_of(
    st.tuples(st.just("literal"), st.sampled_from("ab/:.@+(|")),
    st.tuples(st.just("any"), st.sampled_from(["*", "**"])),
    st.tuples(st.just("one"), st.just("?")),
    st.tuples(st.just("escaped"), st.sampled_from("*?[]{}\\a")),
    st.tuples(st.just("set"), st.sampled_from(["ab", "!ab", "a-b", "!a-b", "/"])),
    st.tuples(
        st.just("choice"), st.lists(st.text(st.sampled_from("ab/"), min_size=1, max_size=2), min_size=1, max_size=3)
    ),
)


def written(parts: list[tuple[str, object]]) -> str:
    text = ""
    for kind, value in parts:
        match kind:
            case "escaped":
                text += f"\\{value}"
            case "set":
                text += f"[{value}]"
            case "choice":
                assert isinstance(value, list)
                text += "{" + ",".join(value) + "}"
            case _:
                text += str(value)
    return text


def in_set(body: str, character: str) -> bool:
    inner = body.removeprefix("!")
    found = inner[0] <= character <= inner[2] if len(inner) == 3 else character in inner
    return found is not body.startswith("!")


def by_parts(parts: list[tuple[str, object]], text: str) -> bool:
    reached = {0}
    for kind, value in parts:
        here: set[int] = set()
        for at in reached:
            match kind:
                case "any":
                    here |= set(range(at, len(text) + 1))
                case "one":
                    here |= {at + 1} if at < len(text) else set()
                case "set":
                    here |= {at + 1} if at < len(text) and in_set(str(value), text[at]) else set()
                case "choice":
                    assert isinstance(value, list)
                    here |= {at + len(each) for each in value if text.startswith(each, at)}
                case _:
                    here |= {at + 1} if text.startswith(str(value), at) else set()
        reached = here
    return len(text) in reached


@given(st.lists(PARTS, max_size=6), st.text(st.sampled_from("ab/:.@+(|*?[]{}\\"), max_size=10))
def test_gobwas_without_separators(parts: list[tuple[str, object]], text: str) -> None:
    assert gobwas.matches(written(parts), text) is by_parts(parts, text)


@given(st.text(st.sampled_from("ab*?[]{},!-\\"), max_size=12), st.text(st.sampled_from("ab"), max_size=4))
def test_any_text_is_a_glob_or_says_why_not(pattern: str, text: str) -> None:
    with suppress(InvalidPattern):  # anything else it raises fails
        gobwas.matches(pattern, text)


@pytest.mark.parametrize(
    "pattern", ["{a", "[a", "a}", "\\", "[]", "[]a]", "[!]a]", "{a,}", "{a*,b}", "{" * 40, "a" * 5000]
)
def test_what_is_no_glob(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        gobwas.matches(pattern, "a")


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("nginx", "docker.io/nginx:latest"),
        ("nginx:1", "docker.io/nginx:1"),
        ("foo/bar:1", "docker.io/foo/bar:1"),
        ("docker.io/foo/bar:1", "docker.io/foo/bar:1"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest"),
        ("index.docker.io/foo/bar", "index.docker.io/foo/bar:latest"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        ("Upper/a", "Upper/a:latest"),
        (f"ghcr.io/a/b:1@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
        (f"127.0.0.1:5000/a@{DIGEST}", f"127.0.0.1:5000/a@{DIGEST}"),
    ],
)
def test_names(written: str, name: str) -> None:
    assert name_of(written) == name


def test_a_default_registry_of_its_own_or_none() -> None:
    assert name_of("nginx", "ghcr.io") == "ghcr.io/nginx:latest"
    assert name_of("nginx", "") == "nginx:latest"


HOSTS = ["", "ghcr.io/", "localhost:5000/", "docker.io/"]


@given(
    st.sampled_from(HOSTS),
    st.sampled_from(["a", "a/b", "a/b/c"]),
    st.sampled_from(["", ":1"]),
    st.sampled_from(["", f"@{DIGEST}"]),
)
def test_a_name_says_host_path_and_either_tag_or_digest(host: str, path: str, tag: str, digest: str) -> None:
    name = name_of(f"{host}{path}{tag}{digest}")
    assert name == f"{host or 'docker.io/'}{path}{digest or tag or ':latest'}"
    assert name_of(name) == name


def test_repositories() -> None:
    assert repository_of("registry.acme.example/signatures") == "registry.acme.example/signatures"
    for text, end in product(["registry.acme.example/signatures"], [":1", f"@{DIGEST}"]):
        assert repository_of(text + end) is None
    assert repository_of("no repository") is None
