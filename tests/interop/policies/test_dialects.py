"""Globs, regular expressions and names beside the engines' own Go code, on many made pairs in one process each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from auditor.config.names import InvalidPattern, compile_regex
from auditor.model.reference import InvalidReference
from auditor.policies import gobwas
from auditor.policies.clusterimagepolicy import names
from auditor.policies.clusterimagepolicy.glob import Glob
from auditor.policies.kyverno.names import name_of
from auditor.policies.kyverno.wildcard import matches as wildcard
from tests.interop.policies.oracle import ask

pytestmark = [pytest.mark.interop]

PAIRS = 20_000
KYVERNO, CONTROLLER = "kyverno-oracle", "controller-oracle"
REFUSED = {"gobwas"}
"""Dialects of which we refuse patterns that the engine takes for what nobody means: a brace that is not closed, say."""
HEX = "0123456789abcdef" * 4
PIECES = ["*", "**", "?", "a", "b", "/", ":", ".", "@", "-", "ab", "a/b", "acme", "ghcr.io/"]
HARD = [
    "[ab]",
    "[!a]",
    "[a-c]",
    "[!a-c]",
    "{a,b}",
    "{ab,}",
    "{a*,b}",
    "\\*",
    "\\?",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    "!",
    "+",
    "(",
    "|",
]
REGEXPS = [
    "a", "b", ".", ".*", "a+", "[ab]", "[^a]", "(a|b)", "(?i)A", "^", "$", "\\.", "\\w", "\\d", "\\b", "a?", "a{2}", "(?:ab)",
    "\\A", "\\z", "\\pL", "[[:alpha:]]", "(?P<x>a)", "(?=a)", "(?!a)", "\\1", "a++", "(?s:.)", "(", ")", "[", "*", "\\Q.\\E", "\\Z", "\\h",
]  # fmt: skip


def patterns(seed: str, pieces: list[str], most: int = 6) -> Iterator[str]:
    """Made of these pieces, the same in every run."""
    chance = random.Random(seed)  # noqa: S311 - patterns, no secrets
    for _ in range(PAIRS):
        yield "".join(chance.choices(pieces, k=chance.randint(0, most)))


def texts(seed: str, alphabet: list[str], most: int = 8) -> Iterator[str]:
    """Texts that are near to what the patterns are made of. None is empty: neither names nor identities are."""
    return (text or "a" for text in patterns(f"texts {seed}", alphabet, most))


def said(judge: Callable[[str, str], bool], pattern: str, text: str) -> bool | None:
    """What we say; None for a pattern that we refuse."""
    try:
        return judge(pattern, text)
    except InvalidPattern:
        return None


def glob(pattern: str, text: str) -> bool:
    return Glob.parse(pattern).matches(text)


def search(pattern: str, text: str) -> bool:
    return compile_regex(pattern).search(text) is not None


@pytest.mark.parametrize(
    ("program", "dialect", "judge", "pieces"),
    [
        (KYVERNO, "wildcard", wildcard, [*PIECES, "[ab]", "{a,b}", "\\", "+"]),
        (KYVERNO, "gobwas", gobwas.matches, [*PIECES, *HARD]),
        (CONTROLLER, "glob", glob, [*PIECES, "[", "+", "#", "index.docker.io/"]),
        (KYVERNO, "regexp", search, REGEXPS),
    ],
    ids=["wildcard", "gobwas", "glob", "regexp"],
)
def test_patterns(program: str, dialect: str, judge: Callable[[str, str], bool], pieces: list[str]) -> None:
    alphabet = ["a", "b", "ab", "/", ":", ".", "@", "-", "acme", "ghcr.io/", "*", "+", "A"]
    pairs = list(zip(patterns(dialect, pieces), texts(dialect, alphabet), strict=True))
    answers = ask(program, dialect, pairs)
    wrong, decided = [], 0
    for (pattern, text), answer in zip(pairs, answers, strict=True):
        ours = said(judge, pattern, text)
        theirs = None if answer["error"] else answer["matches"]
        if ours is None and dialect in REFUSED:
            continue
        decided += 1
        if ours is not theirs:
            wrong.append((pattern, text, ours, theirs, answer["error"]))
    assert not wrong, (len(wrong), wrong[:20])
    assert decided > PAIRS // 2


HOSTS = [
    "",
    "ghcr.io/",
    "docker.io/",
    "index.docker.io/",
    "localhost/",
    "localhost:5000/",
    "Upper/",
    "a.b/",
    "a:1/",
    "acme/",
]
PATHS = ["a", "a/b", "nginx", "library/nginx", "a_b/c", "a--b/c", "a/B", "a//b", "a/-b"]
ENDS = ["", ":1", ":v1.2-x", ":latest", f"@sha256:{HEX}", f":1@sha256:{HEX}", "@sha256:00", ":", "@", ":-"]
NAMES = [f"{host}{path}{end}" for host in HOSTS for path in PATHS for end in ENDS]


def test_names_of_kyverno() -> None:
    """The names of references that both take. One that Kyverno refuses cannot be admitted under its rules."""
    answers = ask(KYVERNO, "name", [("", text) for text in NAMES])
    pairs = [
        (text, name_of(text), answer["name"])
        for text, answer in zip(NAMES, answers, strict=True)
        if not answer["error"]
    ]
    assert len(pairs) > len(NAMES) // 3
    assert [each for each in pairs if each[1] != each[2]] == []


def test_names_of_policy_controller() -> None:
    answers = ask(CONTROLLER, "name", [("", text) for text in NAMES])
    wrong = []
    for text, answer in zip(NAMES, answers, strict=True):
        try:
            ours = names.name(names.parse(text))
        except InvalidReference:
            ours = ""
        taken = answer["name"] if _any_runtime_takes(text) else ""
        if ours != taken:
            wrong.append((text, ours, answer["name"], answer["error"]))
    assert not wrong


def _any_runtime_takes(text: str) -> bool:
    """The library also takes what the reference grammar of container runtimes does not: nothing can run under such a name."""
    return not (text.endswith((":", ":-")) or "//" in text or "/-" in text)
