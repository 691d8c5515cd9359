"""What the reading could not see: findings where this change adds or changes the file, the use or its root."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import Rules
from auditor.judge.findings.subject import level
from auditor.judge.words import cut
from auditor.model.finding import Finding
from auditor.model.gap import Gap

_TURNED: Final = "; this change changes what it is given"


class Touched(Struct, frozen=True):
    """What a change touches: files whose content differs, roots that load something that differs, and base's gaps.

    `roots` is None where nobody knows what each root loads: then a changed file anywhere below a root touches it.
    """

    files: frozenset[str]
    before: tuple[Gap, ...] = ()
    roots: frozenset[str] | None = None

    def touches(self, gap: Gap) -> bool:
        """Whether the change touches the file or the root of a gap that base has too."""
        if gap.place.file in self.files:
            return True
        if gap.root is None:
            return False
        if self.roots is not None:
            return gap.root in self.roots
        below = "" if gap.root == "." else f"{gap.root}/"
        return any(file.startswith(below) for file in self.files)


def gap_findings(gaps: tuple[Gap, ...], touched: Touched | None, rules: Rules) -> Iterator[Finding]:
    """A finding for each gap that gates: all of them without a base (`touched` is None)."""
    known: dict[Hashable, set[str]] = {}
    for gap in touched.before if touched else ():
        known.setdefault(_identity(gap), set()).add(gap.content)
    for gap in gaps:
        contents = known.get(_identity(gap), set())
        if gap.rule is not None and (touched is None or gap.content not in contents or touched.touches(gap)):
            turned = bool(contents) and gap.content not in contents
            yield _finding(gap.rule, replace(gap, why=f"{gap.why}{_TURNED}") if turned else gap, rules)


def _identity(gap: Gap) -> Hashable:
    return (gap.rule, gap.place.file, gap.place.key_path, gap.what, gap.root, gap.image)


def _finding(rule: str, gap: Gap, rules: Rules) -> Finding:
    return Finding(
        rule=rule,
        level=level(rule, rules),
        message=f"{cut(gap.what)}: {cut(gap.why)}",
        help=gap.help or "Make it readable, or render it and give the result to `auditor check -`.",
        place=gap.place,
        image=gap.image,
        root=gap.root,
        owner=gap.what,
    )
