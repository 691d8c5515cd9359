"""Whether a repository became worse since its issue was written, and what its watchers are told then. Pure.

An issue's hidden second line lists what blocked when it was written, as hashes: whoever edits an issue's text tells nobody, so
what is new must be said in a comment, and what is not new must not be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from auditor.model.finding import Finding, Level
from auditor.model.report import Report
from auditor.report.escape import cut, markdown_code, markdown_prose
from auditor.report.view import worst_first

_HASH: Final = 8
"""Hexadecimal digits that tell findings of one repository apart."""
_LISTED: Final = 1000
_SHOWN: Final = 5
_MESSAGE: Final = 200
_LINE: Final = re.compile(rf"<!-- auditor:blocking:([0-9]{{1,7}}):((?:[0-9a-f]{{{_HASH}}}){{0,{_LISTED}}}) -->")


class Blocking(Struct, frozen=True):
    """What blocks: how many findings, and the hashes of at most a thousand of them."""

    count: int = 0
    known: frozenset[str] = frozenset()

    def line(self) -> str:
        """The hidden line that says so."""
        return f"<!-- auditor:blocking:{self.count}:{''.join(sorted(self.known))} -->"


def blocking(report: Report) -> tuple[Finding, ...]:
    """The findings that fail it, the worst first."""
    graded = (each for each in report.findings if each.counts and each.level is not Level.INCOMPLETE)
    return tuple(worst_first(each for each in graded if each.level.rank <= report.fail_on.rank))


def summed(findings: Iterable[Finding]) -> Blocking:
    """What is written down of them."""
    hashes = sorted({_hash(each) for each in findings})
    return Blocking(len(hashes), frozenset(hashes[:_LISTED]))


def read(body: str) -> Blocking | None:
    """What an issue says blocked; None where it does not say."""
    lines = body.lstrip().replace("\r\n", "\n").split("\n", 2)
    found = _LINE.fullmatch(lines[1].strip()) if len(lines) > 1 else None
    if found is None:
        return None
    hashes = found[2]
    return Blocking(int(found[1]), frozenset(hashes[start : start + _HASH] for start in range(0, len(hashes), _HASH)))


def added(findings: Iterable[Finding], before: Blocking | None) -> tuple[Finding, ...]:
    """The findings that are new since. Nothing is known to be new where it is not known what there was.

    Of more than a thousand not all are written down: then a greater number is what tells, and the first are named.
    """
    told = tuple(findings)
    if before is None:
        return ()
    new = tuple(each for each in told if _hash(each) not in before.known)
    if before.count > len(before.known):
        grown = summed(told).count - before.count
        return new[:grown] if grown > 0 else ()
    return new


def comment(new: tuple[Finding, ...]) -> str:
    """What is said of them: the first few, and how many there are."""
    head = f"**Worse than before: {len(new)} new finding{'s' * (len(new) != 1)}.** The text above is up to date."
    lines = [_line(each) for each in new[:_SHOWN]]
    if len(new) > _SHOWN:
        lines.append(f"- … and {len(new) - _SHOWN} more")
    return "\n".join((head, "", *lines, ""))


def _line(finding: Finding) -> str:
    what = f" {markdown_code(cut(finding.image, _MESSAGE))}" if finding.image else ""
    return f"- {markdown_code(finding.rule)}{what}: {markdown_prose(cut(finding.message, _MESSAGE))}"


def _hash(finding: Finding) -> str:
    return finding.fingerprint[:_HASH]
