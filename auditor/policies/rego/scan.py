"""Variables that nothing binds: OPA refuses to compile them, regopy takes them for undefined and goes on.

`not typo.field` would then be true, and a `deny` that mistypes a name would never deny. The scan is coarser than OPA's (it knows
rules by their first column, and no types): what it does not understand is refused, never let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

COMMENT_OR_TEXT: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|#[^\n]*')
_RULE: Final = re.compile(r"^(?=[A-Za-z_])", re.MULTILINE)
_HEAD: Final = re.compile(r"(?:default\s+)?([A-Za-z_]\w*)")
_IMPORT: Final = re.compile(r"import\s+([\w.]+)(?:\s+as\s+(\w+))?")
_CALL: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?=\()")
_NAME: Final = re.compile(r"(?<![\w.\"])[A-Za-z_]\w*")
_BINDING: Final = (
    re.compile(r"(?<![\w.])([A-Za-z_]\w*)\s*:?=(?!=)"),
    re.compile(r"(?<![=!<>:])=\s*([A-Za-z_]\w*)"),
    re.compile(r"([\[{][^\[\]{}]*[\]}])\s*:?=(?!=)"),
    re.compile(r"\b(?:some|every)\s+([^{}\n;]*?)\s+in\b"),
    re.compile(r"\bsome\s+([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)"),
    re.compile(r"[\w\])]\[([A-Za-z_]\w*)\]"),
    re.compile(r"\bwalk\(([^()]*)\)"),
)
_NEGATED: Final = re.compile(r"\bnot\b[^;\n{}]*")
_FOREIGN: Final = re.compile(r"\(\?(?!:)|\\[pPAzZQEaCG]|\\[1-9]|[*+?}][+]|\\x\{|\[\[[:.=]")
_WORDS: Final = frozenset(
    [
        "package",
        "import",
        "default",
        "if",
        "else",
        "in",
        "not",
        "some",
        "every",
        "with",
        "as",
        "contains",
        "true",
        "false",
        "null",
        "input",
        "data",
        "_",
    ]
)


def unsafe_variable(sources: Iterable[str]) -> str | None:
    """The first variable that nothing binds in its rule; None where each is bound. `sources` are one set of modules."""
    return _unsafe(tuple(sources))


@lru_cache(maxsize=64)
def _unsafe(sources: tuple[str, ...]) -> str | None:
    texts = [COMMENT_OR_TEXT.sub('""', source) for source in sources]
    rules = [rule for text in texts for rule in _RULE.split(text) if rule.strip()]
    known = {match[1] for rule in rules if (match := _HEAD.match(rule))} | _WORDS
    known |= {alias or path.rpartition(".")[2] for text in texts for path, alias in _IMPORT.findall(text)}
    for rule in rules:
        if rule.startswith(("package", "import")):
            continue
        bound = known | set(_bound(rule))
        calls = {match.start() for match in _CALL.finditer(rule)}
        for name in _NAME.finditer(rule):
            if name[0] not in bound and name.start() not in calls:
                return name[0]
    return None


def foreign_expression(sources: Iterable[str]) -> str | None:
    """The first text that OPA (RE2) and regopy (ECMAScript) would read differently as a regular expression; None if none.

    Which texts end up as expressions is not followed: where a module uses `regex.…`, every text in it counts.
    """
    for source in sources:
        if "regex." in COMMENT_OR_TEXT.sub('""', source):
            for text in COMMENT_OR_TEXT.findall(source):
                if not text.startswith("#") and _FOREIGN.search(text):
                    return str(text)
    return None


def _bound(rule: str) -> Iterator[str]:
    """Names that something in this rule binds: parameters, assignments, iteration."""
    head = re.match(r"(?:default\s+)?[A-Za-z_]\w*\(([^)]*)\)", rule)
    if head:
        yield from _NAME.findall(head[1])
    positive = _NEGATED.sub(" ", rule)  # what is negated binds nothing
    for pattern in _BINDING:
        for found in pattern.findall(positive):
            yield from _NAME.findall(found)
