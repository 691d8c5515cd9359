"""Which entry of Connaisseur's `policy` governs an image: the most specific pattern that matches (`internal/policy/match.go`).

More components between slashes win; then the longer common prefix with the image, component by component from the left; then
the longer component. Where all is equal the later entry wins. The pattern is taken with a `*` at either end, and matches
anything across `/` and `:`; hosts are compared in lower case.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import TypeVar

from auditor.model.reference import Reference
from auditor.policies import gobwas
from auditor.policies.clusterimagepolicy import names

_T = TypeVar("_T")


def full_name(text: str) -> str:
    """The name that patterns see: `index.docker.io/library/nginx:latest`; a tag stays beside a digest. Raises InvalidReference."""
    reference: Reference = names.parse(text)
    digest = f"@{reference.digest}" if reference.digest else ""
    tag = reference.tag or ("" if digest else "latest")
    return fold_host(f"{names.repository(reference)}{f':{tag}' if tag else ''}{digest}")


def fold_host(text: str) -> str:
    """The host of a name or pattern in lower case."""
    host, slash, rest = text.partition("/")
    if not slash or not (set(host) & {".", ":"} or host.lower() == "localhost"):
        return text
    return f"{host.lower()}/{rest}"


def pattern_matches(pattern: str, name: str) -> bool:
    """Whether an entry's pattern matches a full name. Raises InvalidPattern."""
    folded = fold_host(pattern)
    start = "" if folded.startswith("*") else "*"
    end = "" if folded.endswith("*") else "*"
    return gobwas.matches(f"{start}{folded}{end}", name)


def governing(entries: Iterable[tuple[str, _T]], name: str) -> _T | None:
    """What stands under the pattern that governs; None where none matches. Raises InvalidPattern."""
    best: tuple[tuple[int, list[int], list[int]], _T] | None = None
    for pattern, entry in entries:
        if not pattern_matches(pattern, name):
            continue
        rank = _specificity(pattern, name)
        if best is None or rank >= best[0]:
            best = (rank, entry)
    return best[1] if best else None


def _specificity(pattern: str, name: str) -> tuple[int, list[int], list[int]]:
    components, own = pattern.split("/"), name.split("/")
    prefixes = [_common(one, other) for one, other in zip(components, own, strict=False)]
    return len(components), prefixes, [len(each.encode()) for each in components]


def _common(one: str, other: str) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
