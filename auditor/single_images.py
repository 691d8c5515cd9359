"""Images and files that somebody names: judged by a tree's rules, or described with all that is known about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from auditor.answers import Answers, ask, asks
from auditor.config.rules import RegistrySettings, Rules
from auditor.gather import Listings
from auditor.judge.compare import compare
from auditor.judge.judge import Judged, judge
from auditor.model.finding import Level
from auditor.model.place import Place
from auditor.model.reference import Digest, Reference
from auditor.model.report import Report, Run
from auditor.model.use import Use, Via
from auditor.results import report_of, run_of
from auditor.rules_file import RulesFile
from auditor.source.change import Change
from auditor.version import __version__
from auditor.world import World

if TYPE_CHECKING:
    from auditor.enforcement import Enforced
    from auditor.registry.material import Registry

COMMAND_LINE = Place("command line")
"""Where a reference stands that nobody wrote into a file."""
_OF_POLICIES: Final = frozenset({"policy-failed", "policy-warned", "policy-not-evaluable", "policy-disagreement"})


def check_references(references: tuple[str, ...], change: Change, rules_file: RulesFile, world: World) -> Report:
    """Judge references from the command line by the tree's rules."""
    with world.watch.lap("rules"):
        rules = rules_file.load(world.today, world.shared_rules)
    judged, answers = _judge_references(references, rules, world)
    return report_of(run_of("check", change, world, answers), judged, world)


def verify(
    references: tuple[str, ...],
    rules: Rules,
    world: World,
    policies: Enforced | None = None,
    notes: tuple[str, ...] = (),
) -> Report:
    """Everything known about each reference, judged by `rules`. One that no rule speaks about makes the run incomplete.

    `policies` say whether they would accept it, as the container of a pod of which nothing else is known: that is told beside
    the verdict, and decides nothing. `notes` are told in the report.
    """
    judged, answers = _judge_references(references, rules, world, whatever=True, policies=policies)
    described = tuple(
        dataclasses.replace(each, level=Level.INCOMPLETE) if each.rule == "uncovered-image" else each
        for each in judged.findings
        if each.rule not in _OF_POLICIES
    )
    run = Run(
        "verify",
        ", ".join(references),
        world.now,
        __version__,
        seconds=world.watch.seconds,
        trust=answers.trust,
        notes=(*notes, *answers.notes),
    )
    return report_of(run, replace(judged, findings=described), world)


def verify_file(name: str, artifact: bytes | Digest, bundles: tuple[bytes, ...], rules: Rules, world: World) -> Report:
    """What bundles prove about a file (or its digest), judged by the one signer of `rules`. No registry is asked."""
    from auditor.judge.file import judge_file  # noqa: PLC0415 - images need none of the three, or load them when they ask
    from auditor.signatures.trust import load_trust  # noqa: PLC0415
    from auditor.signatures.verify import Verifier  # noqa: PLC0415

    with world.watch.lap("trust and signature"):
        trust = load_trust(rules.trust, now=world.now, offline=world.offline)
        verifier = Verifier(trust, rules.keys, second_opinion=rules.second_opinion or world.second_opinion)
        signatures = tuple(verifier.verify_file(bundle, artifact) for bundle in bundles)
    digest = artifact if isinstance(artifact, Digest) else Digest.of(artifact)
    judged = judge_file(Use(name, COMMAND_LINE, via=Via.ARGUMENT), digest, signatures, rules)
    run = Run("verify", name, world.now, __version__, seconds=world.watch.seconds, trust=trust.used, notes=trust.notes)
    return report_of(run, judged, world)


def _judge_references(
    references: Iterable[str], rules: Rules, world: World, *, whatever: bool = False, policies: Enforced | None = None
) -> tuple[Judged, Answers]:
    """`whatever`: ask about each reference, also where no rule needs to know. `oci:PATH` is every image of that layout."""
    references, layouts, rules = _in_layouts(tuple(references), rules)
    uses = tuple(Use(text, COMMAND_LINE, via=Via.ARGUMENT) for text in dict.fromkeys(references))
    comparison = compare(None, uses)
    listings = Listings(policies.repositories if policies else frozenset())
    table = policies.table(uses, listings, rules, world.now) if policies else None
    questions = asks(comparison, rules, whatever=whatever)
    answers = ask(questions, rules, world, layouts=layouts, listings=listings if table else None, table=table)
    with world.watch.lap("judging"):
        rows = table.rows(answers.evidence) if table else {}
        return judge(comparison, answers.evidence, rules, world.today, policies=rows), answers


def _in_layouts(
    references: tuple[str, ...], rules: Rules
) -> tuple[tuple[str, ...], Mapping[Reference, Registry], Rules]:
    """The images of layouts, who answers for each, and rules that let them be asked about: the folder is asked, no host."""
    if not any(text.startswith("oci:") for text in references):
        return references, {}, rules
    from auditor.registry.beside import open_references  # noqa: PLC0415

    found, layouts = open_references(references)
    named = {image.host: RegistrySettings(image.host) for image in layouts} | dict(rules.registries)
    return found, layouts, replace(rules, registries=named)
