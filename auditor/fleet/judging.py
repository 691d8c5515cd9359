"""What a tree deploys + what the registries said → its report. Pure but for loading the trust roots that policies examine by."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.enforcement import enforced_by
from auditor.fleet.extract import Extract, policies_of
from auditor.fleet.settings import Settings
from auditor.fleet.work import Answered, Asked
from auditor.gather import Listings
from auditor.judge.compare import compare
from auditor.judge.governing import Governing
from auditor.judge.ignores import Ignores
from auditor.judge.judge import judge
from auditor.model.audit import Target
from auditor.model.evidence import Evidence
from auditor.model.report import Report, Run
from auditor.version import __version__


class Evidences(Struct, frozen=True):
    """What was answered on the questions of one tree."""

    answered: tuple[Answered, ...]
    asked: Asked = field(default_factory=Asked)

    @property
    def evidence(self) -> Mapping[str, Evidence]:
        """By the text of the reference."""
        return {each.ask.text: each.evidence for each in self.answered}

    def listings(self, repositories: frozenset[str]) -> Listings:
        """The raw signatures, as policies want them."""
        held = (held for each in self.answered for held in each.held)
        return Listings(repositories, {(each.repository, each.digest): each.listing for each in held})


def judged(target: Target, found: Extract, governing: Governing, evidences: Evidences, settings: Settings) -> Report:
    """The report of one tree, judged whole. That it deploys nothing is said, and is nothing incomplete among many.

    `governing` is of its rules, and of this tree alone.
    """
    rules = governing.rules
    policies = enforced_by(policies_of(found, rules), rules, settings.versions)
    comparison = compare(None, found.uses, governing.label)
    evidence = evidences.evidence
    table = policies.table(comparison.added, evidences.listings(policies.repositories), rules, settings.started)
    outcome = judge(
        comparison,
        evidence,
        rules,
        settings.today,
        gaps=found.gaps,
        policies=table.rows(evidence) if table else {},
        ignores=Ignores(found.comments, uses=comparison.added),
        governing=governing,
    )
    report = Report(
        _run(target, found, evidences.asked, settings, nothing=not comparison.added),
        outcome.images,
        outcome.findings,
        found.gaps,
        settings.fail_on,
        settings.exit_zero,
    )
    return policies.gate(report, rules, settings.today)


def _run(target: Target, found: Extract, asked: Asked, settings: Settings, *, nothing: bool) -> Run:
    """Without what is another every day, such as the age of a trust root: what did not change is stored once."""
    said = ("it deploys no image",) if nothing else ()
    return Run(
        command="audit",
        target=target.name,
        started=settings.started,
        version=__version__,
        head=found.commit,
        renderers=found.renderers or {},
        trust=tuple(replace(each, age_days=None) for each in asked.trust),
        notes=(*found.notes, *said),
    )
