"""What counts as drift, and what never does: an outage is no change, and nothing that is remembered decides a verdict."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.config.names import NamePattern
from auditor.config.rules import Rules, Waiver
from auditor.model.finding import Finding, Level, Waived
from auditor.model.report import Image, Report
from auditor.model.verdict import Verdict
from tests.support.judging import API, DIGEST, OTHER, attested, keyed, refused, signed, unreadable
from tests.support.nights import RULES, broken, image, night, record_night, report

MOVED = "https://github.com/acme/packages/.github/workflows/build.yaml@refs/heads/main"
NEXT_TAG = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v9"
DRIFT = {"tag-moved", "signature-vanished", "new-unsigned", "newly-verified", "signer-changed"}


def last(path: Path, *nights: Report | Image | None, book: Rules = RULES) -> dict[str, Finding]:
    """The findings of the last of several nights, by rule."""
    found: tuple[Finding, ...] = ()
    for number, each in enumerate(nights):
        found = record_night(path, number, report(each, on=number) if isinstance(each, Image) else each, book=book)
    return {each.rule: each for each in found}


UNSIGNED = image(Verdict.UNSIGNED)
SILENT_REGISTRY = image(Verdict.UNJUDGED, unreadable())
NEW = image(Verdict.UNSIGNED, reference="ghcr.io/acme/batch:7", digest=OTHER)
EMPTY = report()

SPEAKS: list[tuple[str, tuple[Report | Image | None, ...]]] = [
    ("tag-moved", (image(), image(digest=OTHER))),
    ("tag-moved", (image(), None, image(digest=OTHER))),
    ("tag-moved", (image(), image(Verdict.UNJUDGED, digest=OTHER), image(digest=OTHER))),
    ("tag-moved", (image(), image(Verdict.NOT_FOUND, digest=None), image(digest=OTHER))),
    ("tag-moved", (image(), EMPTY, image(digest=OTHER))),
    ("tag-moved", (image(), image(digest=OTHER, rule="images[7]"))),
    ("signature-vanished", (image(), UNSIGNED)),
    ("signature-vanished", (image(), SILENT_REGISTRY, None, UNSIGNED)),
    ("signature-vanished", (image(), image(Verdict.ATTESTATION_ONLY, attested()))),
    ("signature-vanished", (image(), image(Verdict.INVALID, refused()))),
    ("signature-vanished", (image(), image(Verdict.KEY_SIGNED, keyed()))),
    ("signature-vanished", (image(Verdict.VERIFIED, keyed("keys/cosign.pub")), UNSIGNED)),
    ("signature-vanished", (image(), image(Verdict.UNSIGNED, reference="ghcr.io/acme/api:stable"))),
    ("new-unsigned", (image(), report(image(), NEW))),
    ("new-unsigned", (image(), None, report(image(), NEW))),
    ("new-unsigned", (EMPTY, image(Verdict.UNJUDGED), UNSIGNED)),
    ("newly-verified", (UNSIGNED, image())),
    ("newly-verified", (UNSIGNED, SILENT_REGISTRY, image())),
    ("signer-changed", (image(), image(Verdict.VERIFIED, signed(MOVED)))),
    ("signer-changed", (image(), image(Verdict.WRONG_SIGNER, signed(MOVED), digest=OTHER))),
    ("signer-changed", (image(), image(Verdict.VERIFIED, signed(MOVED), reference="ghcr.io/acme/api:3", digest=OTHER))),
]
SILENT: list[tuple[str, tuple[Report | Image | None, ...]]] = [
    ("tag-moved", (image(digest=OTHER),)),
    ("tag-moved", (image(), image())),
    ("tag-moved", (image(), image(Verdict.UNJUDGED, digest=OTHER))),
    ("tag-moved", (image(), image(Verdict.NOT_FOUND, digest=None))),
    ("tag-moved", (image(), image(digest=OTHER), image(digest=OTHER))),
    ("tag-moved", (None, image(digest=OTHER))),
    ("signature-vanished", (image(), SILENT_REGISTRY)),
    ("signature-vanished", (image(), image(Verdict.KEY_SIGNED, keyed(), unreadable()))),
    ("signature-vanished", (image(), image(Verdict.UNJUDGED, digest=None))),
    ("signature-vanished", (image(), image(Verdict.EXEMPT))),
    ("signature-vanished", (image(), image(Verdict.UNCOVERED))),
    ("signature-vanished", (image(), image(Verdict.WRONG_SIGNER))),
    ("signature-vanished", (image(), image(Verdict.UNSIGNED, digest=OTHER))),
    ("signature-vanished", (image(), image(Verdict.UNSIGNED, reference="mirror.acme.example/api:2.1"))),
    ("signature-vanished", (image(), UNSIGNED, UNSIGNED)),
    ("signature-vanished", (image(Verdict.VERIFIED, attested()), UNSIGNED)),
    ("signature-vanished", (UNSIGNED, UNSIGNED)),
    ("new-unsigned", (UNSIGNED,)),
    ("new-unsigned", (None, UNSIGNED)),
    ("new-unsigned", (UNSIGNED, UNSIGNED)),
    ("new-unsigned", (UNSIGNED, EMPTY, UNSIGNED)),
    ("new-unsigned", (SILENT_REGISTRY, UNSIGNED)),
    ("new-unsigned", (EMPTY, image())),
    ("new-unsigned", (EMPTY, image(Verdict.UNCOVERED))),
    ("new-unsigned", (EMPTY, SILENT_REGISTRY)),
    ("newly-verified", (image(),)),
    ("newly-verified", (SILENT_REGISTRY, image())),
    ("newly-verified", (EMPTY, image())),
    ("newly-verified", (UNSIGNED, report(image(), image(Verdict.UNSIGNED, rule="images[1]")))),
    ("signer-changed", (image(), image(Verdict.VERIFIED, signed(NEXT_TAG), digest=OTHER))),
    ("signer-changed", (image(), image(Verdict.VERIFIED, signed(MOVED), signed()))),
    ("signer-changed", (image(), image(Verdict.UNJUDGED, signed(MOVED), unreadable()))),
    ("signer-changed", (UNSIGNED, image(Verdict.VERIFIED, signed(MOVED)))),
]


@pytest.mark.parametrize("number", range(len(SPEAKS)), ids=lambda number: f"{number}-{SPEAKS[number][0]}")
def test_drift_is_told(tmp_path: Path, number: int) -> None:
    rule, nights = SPEAKS[number]
    assert rule in last(tmp_path / "h.sqlite", *nights)


@pytest.mark.parametrize("number", range(len(SILENT)), ids=lambda number: f"{number}-{SILENT[number][0]}")
def test_what_is_no_drift_is_not(tmp_path: Path, number: int) -> None:
    rule, nights = SILENT[number]
    assert rule not in last(tmp_path / "h.sqlite", *nights)


def test_every_rule_has_both_sides() -> None:
    assert {row[0] for row in SPEAKS} == {row[0] for row in SILENT} == DRIFT


@pytest.mark.parametrize("nights", [(image(), UNSIGNED), (image(), image(digest=OTHER)), (EMPTY, NEW)])
def test_drift_of_an_image_that_breaks_a_rule_is_an_error(tmp_path: Path, nights: tuple[Report | Image, Image]) -> None:
    (plain,) = [each for each in last(tmp_path / "plain.sqlite", *nights).values() if each.rule in DRIFT]
    assert plain.level is Level.WARNING
    rule = plain.rule
    path = tmp_path / "h.sqlite"
    first = nights[0] if isinstance(nights[0], Report) else report(nights[0])
    record_night(path, 0, first)
    found = record_night(path, 1, report(nights[1], findings=[broken(nights[1])], on=1))
    assert {each.level for each in found if each.rule == rule} == {Level.ERROR}


def test_a_finding_that_does_not_count_makes_no_error(tmp_path: Path) -> None:
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report())
    waived = dataclasses.replace(broken(NEW), waived=Waived("o", night(100).date(), "r"))
    found = record_night(path, 1, report(NEW, findings=[waived], on=1))
    assert [each.level for each in found if each.rule == "new-unsigned"] == [Level.WARNING]


def test_levels_and_waivers_of_the_repository_apply(tmp_path: Path) -> None:
    off = replace(RULES, levels={"tag-moved": Level.OFF})
    assert "tag-moved" not in last(tmp_path / "off.sqlite", image(), image(digest=OTHER), book=off)
    note = replace(RULES, levels={"tag-moved": Level.NOTE})
    assert last(tmp_path / "note.sqlite", image(), image(digest=OTHER), book=note)["tag-moved"].level is Level.NOTE
    waiver = Waiver(NamePattern.parse("ghcr.io/acme/api"), "tag-moved", night(90).date(), "team", "moves by design")
    waiving = replace(RULES, waivers=(waiver,))
    assert last(tmp_path / "waived.sqlite", image(), image(digest=OTHER), book=waiving)["tag-moved"].waived is not None


def test_a_baseline_excuses_no_drift(tmp_path: Path) -> None:
    found = last(tmp_path / "a.sqlite", image(), image(digest=OTHER))["tag-moved"]
    book = replace(RULES, baseline=frozenset([found.fingerprint]))
    assert not last(tmp_path / "b.sqlite", image(), image(digest=OTHER), book=book)["tag-moved"].baseline


def test_a_signature_vanished_says_who_had_signed_what(tmp_path: Path) -> None:
    message = last(tmp_path / "h.sqlite", image(), UNSIGNED)["signature-vanished"].message
    assert API in message
    assert DIGEST.short in message
    assert "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.1.0" in message


def waiver(days: int, rule: str = "unsigned-image") -> Waiver:
    until = night(0).date() + timedelta(days=days)
    return Waiver(NamePattern.parse("ghcr.io/acme/api"), rule, until, "team", "migrating", 12, "auditor.yaml")


@pytest.mark.parametrize(
    ("waivers", "told"),
    [
        ([waiver(0)], 1),
        ([waiver(14)], 1),
        ([waiver(15)], 0),
        ([waiver(-1)], 0),
        ([waiver(5), waiver(60)], 0),
        ([waiver(5), waiver(6)], 2),
        ([waiver(5, "latest-tag")], 0),
    ],
)
def test_a_waiver_that_covers_something_and_ends_soon_is_told(tmp_path: Path, waivers: list[Waiver], told: int) -> None:
    book = replace(RULES, waivers=tuple(waivers))
    found = record_night(tmp_path / "h.sqlite", 0, report(UNSIGNED, findings=[broken(UNSIGNED)]), book=book)
    ending = [each for each in found if each.rule == "waiver-expires-soon"]
    assert len(ending) == told
    assert {each.level for each in ending} <= {Level.NOTE}


@pytest.mark.parametrize(("days", "told"), [(0, True), (14, True), (15, False)])
def test_a_comment_that_ends_soon_is_told(tmp_path: Path, days: int, told: bool) -> None:
    ignored = Waived("comment", night(0).date() + timedelta(days=days), "until the move")
    findings = [dataclasses.replace(broken(UNSIGNED), waived=ignored)]
    found = {each.rule for each in record_night(tmp_path / "h.sqlite", 0, report(UNSIGNED, findings=findings))}
    assert ("waiver-expires-soon" in found) is told


def test_two_configurations_that_share_a_history_cannot_vouch_for_each_other(tmp_path: Path) -> None:
    """What one set of rules found verified changes neither verdict nor evidence under another."""
    path = tmp_path / "h.sqlite"
    record_night(path, 0, report(image()))
    strict = image(Verdict.WRONG_SIGNER, signed())
    found = record_night(path, 1, report(strict, findings=[broken(strict, "wrong-signer")], on=1))
    assert {each.rule for each in found if each.level is Level.ERROR} == {"wrong-signer"}
