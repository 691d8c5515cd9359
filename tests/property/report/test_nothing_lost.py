"""Whatever the mixture of images and findings: no counting finding disappears from a report for people or programs."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from auditor.model.finding import Finding, Level, Waived
from auditor.model.place import Place
from auditor.model.report import Change, Exit, Image, Report
from auditor.model.verdict import Verdict
from auditor.report.json_v1 import document
from auditor.report.render import RenderOptions, render
from auditor.report.view import Standing, view
from tests.support import samples

LEVELS = (Level.ERROR, Level.WARNING, Level.NOTE, Level.INCOMPLETE)
REFERENCES = tuple(f"ghcr.io/acme/service{n}:1" for n in range(4))
WAIVED = Waived("platform-team", date(2027, 1, 31), "migrating")


@st.composite
def images(draw: st.DrawFn) -> Image:
    reference = draw(st.sampled_from(REFERENCES))
    root = draw(st.sampled_from(("apps/a", "apps/b", None)))
    change = draw(st.sampled_from((None, *Change)))
    verdict = draw(st.sampled_from((None, *Verdict)))
    image = samples.image(
        reference, Verdict.VERIFIED, samples.use(reference, "a.yaml", 3, root=root), reason="the reason"
    )
    return replace(image, change=change, verdict=verdict, rule=draw(st.sampled_from(("images[0]", "images[1]"))))


@st.composite
def findings(draw: st.DrawFn, number: int) -> Finding:
    """Each has a message of its own, so that it can be looked for."""
    return Finding(
        rule=draw(st.sampled_from(("unsigned-image", "latest-tag", "unrendered", "denied-image"))),
        level=draw(st.sampled_from(LEVELS)),
        message=f"message{number}x",
        help=f"help{number}x",
        place=draw(st.sampled_from((None, Place("a.yaml", 3), Place("b.yaml")))),
        image=draw(st.sampled_from((None, *REFERENCES))),
        root=draw(st.sampled_from(("apps/a", "apps/b", None))),
        owner=draw(st.sampled_from(("Deployment/prod/api#app", ""))),
        waived=draw(st.sampled_from((None, None, WAIVED))),
        baseline=draw(st.booleans()),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    found = tuple(draw(findings(number)) for number in range(draw(st.integers(0, 5))))
    return Report(
        run=samples.run(base=draw(st.sampled_from((None, samples.BASE)))),
        images=tuple(draw(st.lists(images(), max_size=4))),
        findings=found,
        fail_on=draw(st.sampled_from((Level.ERROR, Level.WARNING, Level.NOTE))),
        exit_zero=draw(st.booleans()),
    )


@settings(max_examples=150, deadline=None)
@given(reports())
def test_every_counting_finding_is_in_every_report(report: Report) -> None:
    counting = [finding for finding in report.findings if finding.counts]
    seen = view(report)
    told = {finding for entry in seen.gating for finding in entry.findings} | set(seen.loose)
    assert told == set(report.findings)
    for finding in set(report.findings) - set(counting):
        assert all(
            f"{finding.rule}" in render(report, name, RenderOptions(width=400)) for name in ("table", "markdown")
        )
    texts = {name: render(report, name, RenderOptions(width=400)) for name in ("table", "markdown", "sarif", "github")}
    for finding in counting:
        says_verdict = any(entry.says_verdict(finding) for entry in seen.gating if finding in entry.findings)
        for name, text in texts.items():
            assert finding.message in text or (says_verdict and name in {"table", "markdown"}), name


@settings(max_examples=150, deadline=None)
@given(reports())
def test_the_words_agree_with_the_exit_status(report: Report) -> None:
    seen = view(report)
    failing = [entry for entry in seen.gating if entry.standing is Standing.FAILS]
    loose = [
        f for f in seen.loose if f.counts and f.level is not Level.INCOMPLETE and f.level.rank <= report.fail_on.rank
    ]
    assert (seen.outcome is Exit.FINDINGS) == bool(failing or loose)
    first = render(report, "table", RenderOptions(width=400)).split("\n")[0]
    assert first.startswith({Exit.FINDINGS: "✗", Exit.INCOMPLETE: "?"}.get(seen.outcome, "✓"))
    if seen.outcome is Exit.FINDINGS:
        assert "fail" in first
    if seen.outcome is Exit.INCOMPLETE:
        assert "could not be" in first


@settings(max_examples=100, deadline=None)
@given(reports())
def test_counts_add_up(report: Report) -> None:
    told = document(report)
    assert sum(told["summary"]["findings"].values()) == len(report.findings)
    assert json.loads(render(report, "json")) == told
