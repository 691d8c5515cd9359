"""Any sequence of nights: drift, intervals and ages are those of a memory that forgets nothing and looks through all of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.history.reading import read_history
from auditor.model.evidence import Signature
from auditor.model.reference import Digest
from auditor.model.report import Report
from auditor.model.verdict import Verdict
from tests.support.judging import refused, signed, unreadable
from tests.support.nights import broken, image, night, record_night, report

REFERENCES: Final = ("ghcr.io/acme/api:1", "ghcr.io/acme/api:2", "ghcr.io/acme/web:1")
DIGESTS: Final = (Digest.of(b"one"), Digest.of(b"two"))
SIGNERS: Final = tuple(
    f"https://github.com/acme/{name}/.github/workflows/release.yaml@refs/tags/v1" for name in ("api", "other")
)
BAD: Final = {Verdict.UNSIGNED, Verdict.INVALID, Verdict.WRONG_SIGNER}
DRIFT: Final = {"tag-moved", "signature-vanished", "new-unsigned", "newly-verified", "signer-changed"}


@dataclass(frozen=True)
class Seen:
    verdict: Verdict
    digest: Digest | None
    signer: str | None = None

    @property
    def signatures(self) -> tuple[Signature, ...]:
        if self.signer:
            return (signed(self.signer),)
        match self.verdict:
            case Verdict.INVALID:
                return (refused(),)
            case Verdict.UNJUDGED:
                return (unreadable(),)
            case _:
                return ()

    @property
    def vouched(self) -> bool | None:
        if self.signer:
            return True
        return False if self.verdict in {Verdict.UNSIGNED, Verdict.INVALID} else None


Night: TypeAlias = "dict[str, Seen] | None"
DIGEST = st.sampled_from(DIGESTS)
SEEN = st.one_of(
    st.builds(Seen, st.sampled_from([Verdict.VERIFIED, Verdict.WRONG_SIGNER]), DIGEST, st.sampled_from(SIGNERS)),
    st.builds(Seen, st.sampled_from([Verdict.UNSIGNED, Verdict.INVALID, Verdict.UNJUDGED, Verdict.EXEMPT]), DIGEST),
    st.just(Seen(Verdict.NOT_FOUND, None)),
    st.just(Seen(Verdict.UNJUDGED, None)),
)
NIGHTS = st.lists(st.one_of(st.none(), st.dictionaries(st.sampled_from(REFERENCES), SEEN)), min_size=1, max_size=7)


def name(reference: str) -> str:
    return reference.rpartition(":")[0]


def drift(past: list[dict[str, Seen]], now: dict[str, Seen]) -> set[tuple[str, str]]:
    """What differs from the past: good nights, oldest first."""
    return {(rule, reference) for reference, seen in now.items() if past for rule in rules(past, reference, seen)}


def rules(past: list[dict[str, Seen]], reference: str, seen: Seen) -> set[str]:
    if seen.verdict is Verdict.UNJUDGED:
        return set()
    told = [{r: s for r, s in each.items() if s.verdict is not Verdict.UNJUDGED} for each in past]
    mine = [each[reference] for each in told if reference in each]
    found = set()
    digests = [each.digest for each in mine if each.digest]
    if digests and seen.digest and digests[-1] != seen.digest:
        found.add("tag-moved")
    vouched = [
        {s.vouched for r, s in each.items() if name(r) == name(reference) and s.digest == seen.digest} - {None}
        for each in told
    ]
    known = [each for each in vouched if each]
    if seen.vouched is False and known and True in known[-1]:
        found.add("signature-vanished")
    if seen.verdict in BAD and not mine and reference not in past[0]:
        found.add("new-unsigned")
    if mine and mine[-1].verdict in BAD and seen.verdict is Verdict.VERIFIED:
        found.add("newly-verified")
    siblings = [each for each in ({s for r, s in each.items() if name(r) == name(reference)} for each in told) if each]
    earlier = {mine[-1]} if mine else siblings[-1] if siblings else set()
    signers = {each.signer for each in earlier if each.signer}
    if seen.signer and signers and seen.signer not in signers:
        found.add("signer-changed")
    return found


def stays(nights: list[Night]) -> set[tuple[str, Verdict, Digest | None, date, date | None]]:
    """Each state of each reference from the first to the last of the good nights in a row that had it."""
    good = [(number, each) for number, each in enumerate(nights) if each is not None]
    found = set()
    for reference in REFERENCES:
        since: int | None = None
        for index, (number, each) in enumerate(good):
            seen = each.get(reference)
            since = number if since is None and seen is not None else since
            following = good[index + 1][1].get(reference) if index + 1 < len(good) else seen
            if seen is not None and since is not None and (following != seen or index + 1 == len(good)):
                until = None if index + 1 == len(good) else night(number).date()
                found.add((reference, seen.verdict, seen.digest, night(since).date(), until))
                since = None
    return found


def ages(past: list[tuple[int, dict[str, Seen]]]) -> dict[str, date]:
    """Since when each reference has had its finding, as of the last night; an outage does not end it."""
    found: dict[str, date] = {}
    for number, each in past:
        there = {r for r, s in each.items() if s.verdict in BAD}
        doubtful = {r for r, s in each.items() if s.verdict is Verdict.UNJUDGED}
        found = {r: found.get(r, night(number).date()) for r in there | (doubtful & found.keys())}
    return {r: day for r, day in found.items() if past[-1][1][r].verdict in BAD}


def as_report(seen: dict[str, Seen], number: int) -> Report:
    images = [
        image(each.verdict, *each.signatures, reference=reference, digest=each.digest)
        for reference, each in seen.items()
    ]
    findings = [broken(each) for each in images if each.verdict in BAD]
    return report(*images, findings=findings, on=number)


@pytest.mark.slow
@settings(deadline=None)
@given(nights=NIGHTS)
def test_the_history_remembers_as_a_naive_memory_does(nights: list[Night]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "h.sqlite"
        past: list[tuple[int, dict[str, Seen]]] = []
        for number, each in enumerate(nights):
            found = record_night(path, number, None if each is None else as_report(each, number))
            if each is None:
                continue
            assert {(f.rule, f.image) for f in found if f.rule in DRIFT} == drift([seen for _, seen in past], each)
            past.append((number, each))
            assert {f.image: f.since for f in found if f.rule == "unsigned-image"} == ages(past)
        with read_history(path) as history:
            told = [stay for reference in REFERENCES for stay in history.image(reference)]
        assert {
            (s.what.reference, s.what.verdict, Digest.parse(s.what.digest) if s.what.digest else None, s.since, s.until)
            for s in told
        } == stays(nights)
