"""From what a change deploys to what the world says of it: which questions, and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, assert_never

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.config.rules import Rules
from auditor.judge.ask import Ask, DontAsk
from auditor.judge.ask import questions as all_questions
from auditor.judge.compare import Comparison
from auditor.judge.governing import parse
from auditor.judge.hosts import Hosts
from auditor.limits import DEFAULT
from auditor.model.evidence import Evidence
from auditor.model.reference import Reference
from auditor.model.report import TrustUsed
from auditor.world import World

if TYPE_CHECKING:
    from auditor.enforcement import Enforced
    from auditor.gather import Listings
    from auditor.policies.table import Table
    from auditor.registry.material import Registry
    from auditor.registry.pace import Pace
    from auditor.signatures.verify import Verifier


def asks(
    comparison: Comparison,
    rules: Rules,
    *,
    whatever: bool = False,
    signed: bool = False,
    enforced: Enforced | None = None,
) -> list[Ask]:
    """The questions whose answers the judge needs.

    `whatever`: ask about every reference, also where no rule needs an answer. `signed`: ask about every reference whose host may
    be asked, for all forms of signatures. `enforced`: the cluster's policies; ask for what these need, too.
    """
    hosts = Hosts(rules)
    judged, listed = whatever or signed, enforced is not None and bool(enforced.policies)
    every = judged or (enforced is not None and enforced.attested)
    asked = []
    for text, question in all_questions(comparison, rules).items():
        reference = parse(text)
        match question:
            case Ask(signatures=signatures):
                more = replace(question, signatures=signatures or judged, every=question.every or every, listed=listed)
                asked.append(more)
            case DontAsk(fault=fault) if isinstance(reference, Reference) and (
                whatever or ((judged or listed) and fault is None and not hosts.refusal(reference.host))
            ):
                asked.append(Ask(text, reference, signatures=judged, every=every, listed=listed))
            case DontAsk():
                pass
            case _:
                assert_never(question)
    return asked


class Answers(Struct, frozen=True):
    """Evidence by reference, the trust roots that it rests on, and what else the registries said."""

    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    trust: tuple[TrustUsed, ...] = ()
    notes: tuple[str, ...] = ()


def ask(
    questions: list[Ask],
    rules: Rules,
    world: World,
    *,
    layouts: Mapping[Reference, Registry] = MappingProxyType({}),
    listings: Listings | None = None,
    table: Table | None = None,
) -> Answers:
    """Ask the registries. `layouts` answer for references to OCI layouts on disk; `listings` collects the raw signatures.

    `table` is told each answer as it comes, so that policies are evaluated while other answers are still under way.
    """
    if not questions:
        return Answers()
    # Only a run that asks needs these floors; an inventory, or a change that deploys nothing, starts without them.
    from auditor.gather import gather_each  # noqa: PLC0415
    from auditor.registry.beside import Beside  # noqa: PLC0415

    trusting = Trusting(rules, world)
    with world.watch.lap("registries and signatures"), registries(rules, world) as registry:
        evidence = {}
        for question, answer in gather_each(
            questions,
            Beside(registry, layouts),
            trusting.verifier,
            jobs=world.jobs,
            listings=listings,
            progress=world.watch.progress,
        ):
            evidence[question.text] = answer
            if table is not None:
                table.answered(question.text, answer)
        return Answers(evidence, tuple(trusting.used), (*trusting.notes, *registry.notes()))


def registries(rules: Rules, world: World, pace: Pace | None = None) -> AbstractContextManager[Registry]:
    """The registries with the settings of the rules; offline, only their cache. Clients with one `pace` keep a common rate limit."""
    from auditor.registry.client import open_registry  # noqa: PLC0415 - as in `ask`
    from auditor.registry.offline import OfflineRegistry  # noqa: PLC0415

    if world.offline and world.cache is None:
        return OfflineRegistry()
    return open_registry(
        rules.registries,
        environ=world.environ,
        limits=DEFAULT.asking(world.jobs),
        cache=world.cache,
        offline=world.offline,
        progress=world.watch.progress,
        pace=pace,
    )


class Trusting(Struct):
    """The trust roots and keys of the rules. `used` and `notes` are filled when the verifier is made."""

    rules: Rules
    world: World
    used: list[TrustUsed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def verifier(self) -> Verifier:
        """Load the trust roots, which takes longer than a round trip."""
        from auditor.signatures.trust import load_trust  # noqa: PLC0415 - as in `ask`
        from auditor.signatures.verify import Verifier  # noqa: PLC0415

        rules, world = self.rules, self.world
        trust = load_trust(rules.trust, now=world.now, offline=world.offline)
        self.used.extend(trust.used)
        self.notes.extend(trust.notes)
        return Verifier(trust, rules.keys, second_opinion=rules.second_opinion or world.second_opinion)
