"""What to ask the registries, and what not: one question per distinct reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from auditor.config.rules import ImageRule, Pinned, PlatformMode, Rules
from auditor.judge.compare import Comparison
from auditor.judge.governing import Governing, parse
from auditor.judge.hosts import Hosts
from auditor.model.evidence import Fault, FaultKind
from auditor.model.reference import InvalidReference, Reference
from auditor.model.use import Use, Via


class Ask(Struct, frozen=True):
    """A reference that needs evidence: always its digest, and what the flags say.

    `signatures`: the signatures of the digest; `platforms`: those of every platform manifest, too. `children`: which manifests an
    index lists, without their signatures, because a revoked digest may be among them. `every`: all forms of signatures, because an
    attestation beside a signature may decide, or reveal a revoked signer. `listed`: the signatures as bytes, for the cluster's
    policies, which have trust roots of their own.
    """

    text: str
    reference: Reference
    signatures: bool = True
    platforms: bool = False
    children: bool = False
    every: bool = False
    listed: bool = False


class DontAsk(Struct, frozen=True):
    """A reference that is not asked about. `fault` says why it could not be, None where nothing needs to be known."""

    text: str
    fault: Fault | None = None


Question: TypeAlias = Ask | DontAsk


def questions(comparison: Comparison, rules: Rules) -> Mapping[str, Question]:
    """One question for each distinct text among the added uses and those they replace, in their order."""
    asked: dict[str, Question] = {}
    for text, question in _each(comparison, Asking(Governing(rules))):
        before = asked.get(text)
        asked[text] = question if before is None else _both(before, question)
    return asked


def _each(comparison: Comparison, asking: Asking) -> Iterator[tuple[str, Question]]:
    for use in comparison.added:
        question = asking.question(use)
        yield use.reference, question
        previous = comparison.previous.get(use)
        if previous is not None and isinstance(question, Ask) and question.signatures:
            yield previous.reference, asking.question(previous)


def _both(one: Question, other: Question) -> Question:
    """The question that answers both."""
    match one, other:
        case Ask(), Ask():
            return replace(
                one,
                signatures=one.signatures or other.signatures,
                platforms=one.platforms or other.platforms,
                children=one.children or other.children,
                every=one.every or other.every,
                listed=one.listed or other.listed,
            )
        case Ask(), DontAsk():
            return one
        case DontAsk(fault=None), _:
            return other
        case _:
            return other if isinstance(other, Ask) else one


class Asking:
    """Whether a use needs evidence under the entries that govern it, and whether its host may be asked."""

    def __init__(self, governing: Governing) -> None:
        self._governing = governing
        self._hosts = Hosts(governing.rules)

    def question(self, use: Use) -> Question:
        """What to ask about one use."""
        reference = parse(use.reference)
        if isinstance(reference, InvalidReference):
            return DontAsk(use.reference, Fault(FaultKind.UNSUPPORTED, f"not an image reference: {reference}"))
        rules = self._governing.rules
        wanted = reduce(
            _both, (_wanted(use.reference, reference, each, rules) for each in self._governing.entries(use))
        )
        if isinstance(wanted, DontAsk) or use.via is Via.ARGUMENT:  # whoever types a reference names its host
            return wanted
        refused = self._hosts.refusal(reference.host)
        return DontAsk(use.reference, Fault(FaultKind.NOT_ASKED, refused)) if refused else wanted


def _wanted(text: str, reference: Reference, entry: ImageRule | None, rules: Rules) -> Question:
    revocable = bool(rules.denied_digests)
    if entry is None or entry.unsigned_allowed:
        unpinned = entry is not None and entry.pinned is Pinned.REQUIRE and reference.digest is None
        return Ask(text, reference, signatures=False, children=revocable) if revocable or unpinned else DontAsk(text)
    every = bool(entry.attested_by or rules.denied_signers)
    platforms = entry.platforms is not PlatformMode.INDEX
    return Ask(text, reference, platforms=platforms, children=revocable, every=every)
