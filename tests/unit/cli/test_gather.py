"""References to evidence: one image that goes wrong costs no other its verdict, and each distinct thing is asked once."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.gather import Listings, Verifier, gather_each
from auditor.judge.ask import Ask
from auditor.model.evidence import (
    Absent,
    Evidence,
    Fault,
    FaultKind,
    Form,
    Platform,
    Refused,
    Resolution,
    Resolved,
    Signature,
    Step,
)
from auditor.model.reference import Digest, Reference
from auditor.registry.material import BundleBytes, Listing, Material, Registry

DIGEST = Digest.of(b"image")
BUNDLE = BundleBytes(b"{}", Digest.of(b"{}"))
REFUSED = Refused(Form.BUNDLE, Step.BYTES, "not today")


@dataclass
class Shelf:
    """A registry in memory: what a tag resolves to by its repository's last part."""

    asked: Counter[str] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def resolve(self, reference: Reference) -> Resolution:
        self.asked[f"resolve {reference.name}"] += 1
        match reference.name.rpartition("/")[2]:
            case "broken":
                raise RuntimeError("a mistake of ours\x1b[31m")
            case "absent":
                return Absent("nothing there")
            case "down":
                return Fault(FaultKind.REFUSED, "nobody there")
            case "slow":
                self.stopped.wait(60)
                return Fault(FaultKind.TIMEOUT, "ended")
            case _:
                return Resolved(DIGEST)

    def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:  # noqa: ARG002 - the seam's names
        self.asked[f"signatures {reference.name} {digest}"] += 1
        return Listing((BUNDLE,)) if reference.name.endswith("signed") else Listing()

    def platforms(self, reference: Reference, digest: Digest) -> tuple[Platform, ...] | Fault:  # noqa: ARG002 - as above
        return (Platform("linux/amd64", Digest.of(b"amd64")), Platform("linux/arm64", Digest.of(b"arm64")))

    def stop(self) -> None:
        self.stopped.set()

    def notes(self) -> tuple[str, ...]:
        return ()


@dataclass
class Judge:
    """A verifier that refuses everything, and counts."""

    made: int = 0
    judged: list[Digest] = field(default_factory=list)

    def __call__(self) -> Judge:
        self.made += 1
        return self

    def verify(self, material: Material, digest: Digest) -> Signature:  # noqa: ARG002 - as above
        self.judged.append(digest)
        return REFUSED


def ask(name: str, *, tag: str = "1", platforms: bool = False) -> Ask:
    text = f"ghcr.io/acme/{name}:{tag}"
    return Ask(text, Reference.parse(text), platforms=platforms)


def gather(
    asks: list[Ask],
    registry: Registry,
    verifier: Callable[[], Verifier],
    *,
    jobs: int,
    listings: Listings | None = None,
) -> Mapping[str, Evidence]:
    return {ask.text: found for ask, found in gather_each(asks, registry, verifier, jobs=jobs, listings=listings)}


def test_nothing_to_ask_loads_nothing() -> None:
    judge = Judge()
    assert gather([], Shelf(), judge, jobs=4) == {}
    assert judge.made == 0


def test_what_goes_wrong_with_one_image_is_a_fault_of_that_image() -> None:
    asks = [ask(name) for name in ("signed", "broken", "absent", "down")]
    found = gather(asks, Shelf(), Judge(), jobs=4)
    broken = found["ghcr.io/acme/broken:1"].resolution
    assert isinstance(broken, Fault)
    assert broken.kind is FaultKind.INTERNAL
    assert isinstance(found["ghcr.io/acme/absent:1"].resolution, Absent)
    assert isinstance(found["ghcr.io/acme/down:1"].resolution, Fault)
    assert found["ghcr.io/acme/signed:1"].signatures == (REFUSED,)


def test_each_digest_of_a_repository_is_judged_once_however_many_tags_name_it() -> None:
    shelf, judge = Shelf(), Judge()
    found = gather([ask("signed", tag=str(number)) for number in range(40)], shelf, judge, jobs=16)
    assert len(found) == 40
    assert judge.judged == [DIGEST]
    assert judge.made == 1
    assert shelf.asked[f"signatures ghcr.io/acme/signed {DIGEST}"] == 1


def test_platforms_have_signatures_of_their_own() -> None:
    judge = Judge()
    found = gather([ask("signed", platforms=True)], Shelf(), judge, jobs=4)
    platforms = found["ghcr.io/acme/signed:1"].platforms
    assert isinstance(platforms, tuple)
    assert [each.signatures for each in platforms] == [(REFUSED,), (REFUSED,)]
    assert len(judge.judged) == 3


def test_children_are_listed_and_their_signatures_not_asked_for() -> None:
    judge = Judge()
    text = "ghcr.io/acme/signed:1"
    exempt = Ask(text, Reference.parse(text), signatures=False, children=True)
    platforms = gather([exempt], Shelf(), judge, jobs=4)[text].platforms
    assert isinstance(platforms, tuple)
    assert [each.signatures for each in platforms] == [None, None]
    assert (judge.made, judge.judged) == (0, [])


def test_without_trust_roots_the_run_ends_and_nobody_is_waited_for() -> None:
    def no_roots() -> Judge:
        raise UsageError("no trust", help="give some")

    shelf = Shelf()
    start = time.monotonic()
    with pytest.raises(UsageError, match="no trust"):
        gather([ask("slow"), ask("signed")], shelf, no_roots, jobs=4)
    assert shelf.stopped.is_set()
    assert time.monotonic() - start < 45


def test_why_trust_roots_could_not_be_loaded_does_not_grow_with_the_number_of_images() -> None:
    def frames(images: int) -> int:
        listed = threading.Semaphore(0)

        class Listed(Shelf):
            def signatures(self, reference: Reference, digest: Digest, *, every: bool = False) -> Listing:
                listed.release()
                return Shelf.signatures(self, reference, digest, every=every)

        def no_roots() -> Judge:
            for _ in range(images):
                assert listed.acquire(timeout=60)
            raise UsageError("no trust", help="give some")

        with pytest.raises(UsageError) as caught:
            gather([ask(f"{number}-signed") for number in range(images)], Listed(), no_roots, jobs=images)
        return len(list(traceback.walk_tb(caught.value.__traceback__)))

    assert frames(1) == frames(40)


def test_an_interrupt_ends_what_is_under_way() -> None:
    class Interrupted(Shelf):
        def resolve(self, reference: Reference) -> Resolution:  # noqa: ARG002 - as above
            raise KeyboardInterrupt

    shelf = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        gather([ask("signed")], shelf, Judge(), jobs=4)
    assert shelf.stopped.is_set()


def test_what_is_only_listed_is_handed_over_and_judged_by_nobody() -> None:
    shelf, judge, listings = Shelf(), Judge(), Listings()
    raw = [replace(ask("signed", tag=str(number)), signatures=False, listed=True) for number in range(8)]
    found = gather(raw, shelf, judge, jobs=4, listings=listings)
    assert {evidence.signatures for evidence in found.values()} == {()}
    assert listings.found["ghcr.io/acme/signed", DIGEST].materials == (BUNDLE,)
    assert (judge.made, judge.judged) == (0, [])
    assert shelf.asked[f"signatures ghcr.io/acme/signed {DIGEST}"] == 1


def test_what_a_policy_lists_and_a_rule_judges_is_listed_once() -> None:
    shelf, judge, listings = Shelf(), Judge(), Listings(frozenset({"registry.acme.example/signatures"}))
    judged = replace(ask("signed"), listed=True)
    listed = replace(ask("signed", tag="2"), signatures=False, listed=True)
    found = gather([judged, listed], shelf, judge, jobs=4, listings=listings)
    assert {text[-1]: each.signatures for text, each in found.items()} == {"1": (REFUSED,), "2": ()}
    assert shelf.asked[f"signatures ghcr.io/acme/signed {DIGEST}"] == 1
    assert shelf.asked[f"signatures registry.acme.example/signatures {DIGEST}"] == 1
    assert set(listings.found) == {("ghcr.io/acme/signed", DIGEST), ("registry.acme.example/signatures", DIGEST)}


def test_questions_that_come_later_are_asked_with_the_others() -> None:
    """An answer is told while it is not yet known whether there is more to ask."""
    shelf, judge, come = Shelf(), Judge(), threading.Event()

    def more() -> Iterator[Ask]:
        assert come.wait(60)
        yield from (ask("signed", tag=str(number)) for number in range(20))

    answers = gather_each([ask("absent")], shelf, judge, jobs=4, more=more())
    first, _ = next(answers)
    assert first.text == "ghcr.io/acme/absent:1"
    come.set()
    assert len({asked.text for asked, _ in answers}) == 20
    assert judge.judged == [DIGEST]


def test_nothing_at_first_and_nothing_later() -> None:
    assert list(gather_each([], Shelf(), Judge(), jobs=4, more=())) == []
