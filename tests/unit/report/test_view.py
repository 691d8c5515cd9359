"""A report sorted for reading."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from msgspec.structs import replace

from auditor.model.finding import Finding, Level, Waived
from auditor.model.place import Place
from auditor.model.report import Change, Exit, Report
from auditor.model.verdict import Verdict
from auditor.report.view import Standing, view
from auditor.report.words import headline, outcome, previous_words, short_reference, tally
from tests.support import samples

WAIVED = Waived("platform-team", date(2027, 1, 31), "migrating")


def test_worst_comes_first_and_each_finding_stands_by_its_image() -> None:
    seen = view(samples.failing())
    standings = [entry.standing for entry in seen.gating]
    assert standings == [Standing.FAILS, Standing.FAILS, Standing.INCOMPLETE, Standing.WAIVED, Standing.PASSES]
    assert [finding.rule for finding in seen.loose] == ["rules-changed"]
    assert [finding.rule for finding in seen.gating[1].findings] == ["unsigned-image", "numeric-tag"]
    assert [finding.rule for finding in seen.gating[1].further] == ["numeric-tag"]
    assert [entry.image.reference for entry in seen.kept] == ["ghcr.io/acme/db:9"]


def test_one_reference_under_two_entries_keeps_its_findings_apart() -> None:
    name = "ghcr.io/acme/api:1"
    prod = samples.image(name, Verdict.UNSIGNED, samples.use(name, "prod.yaml", 3, root="prod"), rule="images[0]")
    lab = samples.image(name, Verdict.EXEMPT, samples.use(name, "lab.yaml", 3, root="lab"), rule="images[1]")
    finding = samples.finding_for(prod, "unsigned-image", Level.ERROR, "no signature", "sign it")
    seen = view(Report(run=samples.run(), images=(lab, prod), findings=(finding,)))
    assert [(entry.image.rule, entry.standing) for entry in seen.gating] == [
        ("images[0]", Standing.FAILS),
        ("images[1]", Standing.PASSES),
    ]
    assert seen.gating[0].why == "no signature"
    assert seen.gating[0].help == "sign it"


def test_a_finding_whose_use_is_unknown_stands_by_every_image_of_its_name() -> None:
    report = samples.clear()
    finding = Finding("latest-tag", Level.WARNING, "m", "h", Place("elsewhere.yaml", 1), image="ghcr.io/acme/web:3.4")
    seen = view(replace(report, findings=(finding,)))
    assert seen.gating[0].standing is Standing.WARNS
    assert not seen.loose


@pytest.mark.parametrize(
    ("level", "fail_on", "standing"),
    [
        (Level.ERROR, Level.ERROR, Standing.FAILS),
        (Level.WARNING, Level.ERROR, Standing.WARNS),
        (Level.WARNING, Level.WARNING, Standing.FAILS),
        (Level.NOTE, Level.WARNING, Standing.PASSES),
        (Level.INCOMPLETE, Level.NOTE, Standing.INCOMPLETE),
    ],
)
def test_standing_follows_what_fails_the_run(level: Level, fail_on: Level, standing: Standing) -> None:
    report = samples.clear()
    finding = samples.finding_for(report.images[0], "latest-tag", level, "m", "h")
    seen = view(replace(report, findings=(finding,), fail_on=fail_on))
    assert seen.gating[0].standing is standing


@pytest.mark.parametrize(
    "verdict", [verdict for verdict in Verdict if verdict not in {Verdict.VERIFIED, Verdict.EXEMPT}]
)
def test_a_bad_verdict_without_a_finding_never_passes(verdict: Verdict) -> None:
    report = samples.clear()
    seen = view(replace(report, images=(replace(report.images[0], verdict=verdict),)))
    assert seen.gating[0].standing is Standing.WARNS
    assert "all may be" not in headline(seen)


def test_label_tells_the_rule_that_decides() -> None:
    report = samples.clear()
    pin = samples.finding_for(report.images[0], "unpinned-image", Level.ERROR, "not pinned", "pin it")
    assert view(replace(report, findings=(pin,))).gating[0].label == "verified, unpinned-image"
    assert view(replace(report, findings=(dataclasses.replace(pin, waived=WAIVED),))).gating[0].label == "verified"
    assert view(samples.failing()).gating[0].label == "wrong-signer"


def test_a_finding_that_repeats_the_reason_is_told_once() -> None:
    report = samples.clear()
    image = replace(report.images[0], verdict=Verdict.WRONG_SIGNER, reason="revoked (sha256:00): stolen key")
    finding = samples.finding_for(
        image, "denied-image", Level.ERROR, f"{image.reference} is {image.reason}.", "another"
    )
    entry = view(replace(report, images=(image,), findings=(finding,))).gating[0]
    assert entry.label == "wrong-signer, denied-image"
    assert not entry.further


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (samples.failing(), "2 of 5 new images fail; 1 could not be judged"),
        (samples.clear(), "1 new image: may be deployed"),
        (samples.nothing_new(), "this change deploys no new image"),
        (samples.empty(), "no image reference found: nothing was judged"),
        (samples.verified(), "1 image: verified"),
    ],
)
def test_headline(report: Report, text: str) -> None:
    assert headline(view(report)) == text


def test_a_finding_about_an_image_that_does_not_gate_is_shown_by_itself() -> None:
    finding = Finding(
        "unrendered", Level.INCOMPLETE, "m", "h", Place("charts/x"), image="ghcr.io/acme/db:9", root="apps/db"
    )
    seen = view(replace(samples.nothing_new(), findings=(finding,)))
    assert seen.loose == (finding,)


def test_headline_of_what_is_waived_listed_or_empty() -> None:
    report = samples.failing()
    legacy = replace(report, images=report.images[3:4], findings=report.findings[4:5])
    assert headline(view(legacy)) == "1 new image: none fails, 1 waived or in the baseline"
    assert headline(view(samples.inventory())) == "3 images found, not judged"
    blind = Finding("unparsable-file", Level.INCOMPLETE, "m", "h", Place("x.yaml"))
    told = headline(view(replace(samples.empty(), findings=(blind,))))
    assert told == "no image reference found: nothing was judged; 1 thing could not be read"


def test_headline_names_failures_that_are_about_files() -> None:
    finding = Finding("rules-changed", Level.ERROR, "m", "h", Place("auditor.yaml", 1))
    blind = Finding("unrendered", Level.INCOMPLETE, "m", "h", Place("charts/x"))
    assert headline(view(replace(samples.nothing_new(), findings=(finding,)))) == "1 other finding fails"
    assert headline(view(replace(samples.nothing_new(), findings=(blind,)))) == "1 thing could not be read"


def test_exit_zero_hides_nothing() -> None:
    seen = view(replace(samples.failing(), exit_zero=True))
    assert seen.report.exit is Exit.CLEAN
    assert seen.outcome is Exit.FINDINGS
    assert outcome(seen) == "fails (exit 0 by --exit-zero)"
    assert outcome(view(samples.empty())) == "incomplete (exit 3)"
    assert outcome(view(samples.clear())) == "clean (exit 0)"


def test_tally_counts_everything_once() -> None:
    assert tally(view(samples.failing())) == (
        "6 images in 7 places: 1 wrong-signer, 1 unsigned, 1 key-signed, 1 unjudged, 1 verified; "
        "2 errors, 2 warnings, 1 incomplete, 1 waived"
    )


def test_columns_show_the_first_digits_of_a_digest() -> None:
    digits = "0123456789abcdef" * 4
    assert short_reference(f"acme/api:1@sha256:{digits}") == "acme/api:1@sha256:0123456789ab…"
    assert short_reference(f"acme/api@sha256:{digits}x") == f"acme/api@sha256:{digits}x"


@pytest.mark.parametrize(
    ("now", "old", "words"),
    [
        ("ghcr.io/acme/web:3.4", "ghcr.io/acme/web:3.3", "3.3 (verified)"),
        ("ghcr.io/acme/web:3.4", "docker.io/acme/web:3.3", "docker.io/acme/web:3.3 (verified)"),
        ("ghcr.io/acme/web:3.4@sha256:" + "0" * 64, "ghcr.io/acme/web:3.3", "3.3 (verified)"),
        ("localhost:5000/web", "localhost:5000/web:1", "localhost:5000/web:1 (verified)"),
    ],
)
def test_previous_tells_only_what_differs(now: str, old: str, words: str) -> None:
    image = samples.clear().images[0]
    assert image.previous
    assert previous_words(replace(image, reference=now, previous=replace(image.previous, reference=old))) == words


def test_removed_images_never_gate() -> None:
    seen = view(samples.nothing_new())
    assert not seen.gating
    assert [entry.image.change for entry in seen.removed] == [Change.REMOVED]
