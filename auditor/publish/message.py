"""What is said on a forge: the comment, one line for a status, and annotations. Pure: the report and its formats decide."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.model.finding import Finding, Level
from auditor.model.report import Exit, Report
from auditor.publish.sticky import stamped
from auditor.report.escape import cut, visible_text
from auditor.report.markdown import marker
from auditor.report.options import RenderOptions
from auditor.report.render import render
from auditor.report.view import view, worst_first
from auditor.report.words import headline, outcome, tally

_STAMP_ROOM: Final = 80
_DESCRIPTION: Final = 140
"""GitHub: "description … is too long (maximum is 140 characters)"; the others take more."""


class Annotation(Struct, frozen=True):
    """A finding at a line: plain text, made visible and cut. `line` is 1 where the finding is about the whole file."""

    fingerprint: str
    rule: str
    level: Level
    path: str
    line: int
    message: str


class Message(Struct, frozen=True):
    """One report, on its way to a forge. `relayed`: another job's word, which this program did not check."""

    report: Report
    options: RenderOptions

    @property
    def relayed(self) -> bool:
        """Whether the result is another job's word."""
        return self.options.relayed

    @property
    def marker(self) -> str:
        """The hidden first line of the comment."""
        return marker(self.options.key)

    @property
    def exit(self) -> Exit:
        """What the gate says: the status of the run."""
        return self.report.exit

    @property
    def title(self) -> str:
        """The headline as plain text."""
        return visible_text(headline(view(self.report)))

    @property
    def facts(self) -> str:
        """The line at the end of a report, as plain text."""
        seen = view(self.report)
        return visible_text(f"{tally(seen)}; {outcome(seen)}")

    @property
    def description(self) -> str:
        """One line for a commit status."""
        return cut(self.title, _DESCRIPTION)

    def comment(self, budget: int) -> str:
        """The comment with its stamp, `budget` code points at most."""
        text = render(self.report, "markdown", replace(self.options, budget=budget - _STAMP_ROOM))
        return stamped(text, self.report.run.started)

    def page(self, most_bytes: int) -> str:
        """The comment as a page of `most_bytes` UTF-8 bytes at most; empty where not even the verdict fits."""
        budget = most_bytes
        while budget >= _SMALLEST:
            text = render(self.report, "markdown", replace(self.options, budget=budget))
            size = len(text.encode())
            if size <= most_bytes:
                return text
            budget = min(budget * most_bytes // size - 1, budget * 9 // 10)
        return ""

    def annotations(self) -> tuple[Annotation, ...]:
        """What counts and has a file, the worst first; at most as many as a report may hold."""
        counting = (f for f in worst_first(self.report.findings) if f.counts and f.place and f.place.file)
        told = {f"{f.fingerprint}:{f.place}:{f.message}": f for f in counting}
        return tuple(_annotation(f) for f in list(told.values())[: DEFAULT.annotations])

    @property
    def unshown(self) -> int:
        """Findings with a file that count and are beyond what a report may hold."""
        counting = [f for f in self.report.findings if f.counts and f.place and f.place.file]
        told = {f"{f.fingerprint}:{f.place}:{f.message}" for f in counting}
        return max(len(told) - DEFAULT.annotations, 0)


_SMALLEST: Final = 600
"""A page of fewer code points holds the verdict at best: it is left out."""


def _annotation(finding: Finding) -> Annotation:
    place = finding.place
    unsaid = finding.image and finding.image not in finding.message
    what = f"{finding.image}: {finding.message}" if unsaid else finding.message
    lines = [what, *([f"→ {finding.help}"] if finding.help else [])]
    return Annotation(
        fingerprint=finding.fingerprint,
        rule=visible_text(cut(finding.rule, 100)),
        level=finding.level,
        path=visible_text(place.file if place else ""),
        line=max(place.line, 1) if place else 1,
        message="\n".join(visible_text(cut(line, 900)) for line in lines),
    )
