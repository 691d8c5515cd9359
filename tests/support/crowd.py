"""A report of many images, as an audit of a large platform gives it."""

from __future__ import annotations

from auditor.model.evidence import Form, Refused, Step
from auditor.model.finding import Finding, Level
from auditor.model.report import Image, JudgedPolicy, JudgedSignature, PolicyVerdict, Report
from auditor.model.verdict import Verdict
from tests.support.samples import finding_for, image, run, signed, use

_OF_TEN = (Verdict.UNSIGNED, Verdict.WRONG_SIGNER, *([Verdict.VERIFIED] * 8))


def crowd(number: int) -> Report:
    """`number` images in 40 teams' roots: one in ten unsigned, one by a stranger, the others verified; two signatures each."""
    images = tuple(_one(index) for index in range(number))
    findings = tuple(finding for made in images for finding in _about(made))
    return Report(run=run("audit", base=None, head=None), images=images, findings=findings)


def _one(index: int) -> Image:
    verdict = _OF_TEN[index % 10]
    reference, root = f"ghcr.io/acme/service-{index}:1.{index}", f"apps/team-{index % 40}/prod"
    owner = "mallory" if verdict is Verdict.WRONG_SIGNER else "acme"
    subject = f"https://github.com/{owner}/service-{index % 50}/.github/workflows/release.yaml@refs/tags/v1.{index}"
    places = [
        use(reference, f"{root}/{stage}.yaml", 14 + index % 30, f"service-{index}", root) for stage in ("eu", "us")
    ]
    valid = JudgedSignature(signed(subject), allowed=owner == "acme", trust="public-good")
    refused = JudgedSignature(Refused(Form.SIG, Step.LOG, "the entry is about another signature"))
    return image(
        reference,
        verdict,
        *places,
        reason=f"signed by {subject}" if verdict is not Verdict.UNSIGNED else "no signature in any form",
        help="" if verdict is Verdict.VERIFIED else "sign it in CI with cosign sign",
        change=None,
        signatures=() if verdict is Verdict.UNSIGNED else (valid, refused),
        policies=(
            JudgedPolicy("ClusterPolicy/check-images", "policies/check.yaml", PolicyVerdict.PASS, "keyless entry 1"),
        ),
    )


def _about(made: Image) -> list[Finding]:
    rules = {Verdict.UNSIGNED: "unsigned-image", Verdict.WRONG_SIGNER: "wrong-signer"}
    rule = rules.get(made.verdict) if made.verdict else None
    return [finding_for(made, rule, Level.ERROR)] if rule else []
