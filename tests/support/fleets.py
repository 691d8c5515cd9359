"""Audits to report: five repositories over three nights, hostile names among them; and as many as a test asks for."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from auditor.model.audit import Audited, AuditRun, Failure, Night, Stage, Target
from auditor.model.finding import Finding, Level
from auditor.model.report import Change, Image, JudgedPolicy, JudgedSignature, PolicyVerdict, Report
from auditor.model.verdict import Verdict
from tests.support import samples

STARTED = datetime(2026, 11, 20, 2, 0, 0, tzinfo=UTC)
TARGETS = hashlib.sha256(b"targets").hexdigest()


class Listed(Struct, frozen=True):
    """A fleet that a test holds in memory."""

    run: AuditRun
    audited: Sequence[Audited]
    past: tuple[Night, ...] = ()

    def repositories(self) -> Iterator[Audited]:
        """In the order of names."""
        yield from sorted(self.audited, key=lambda audited: audited.target.name)

    def nights(self) -> tuple[Night, ...]:
        """Those that were given."""
        return self.past


def run(**more: object) -> AuditRun:
    """A run against the night before."""
    fields: dict[str, object] = {
        "seconds": 61.25,
        "previous": STARTED - timedelta(days=1),
        "renderers": {"kustomize": "v5.8.1", "helm": None},
        **more,
    }
    return AuditRun(STARTED, "0.1.0", TARGETS, **fields)  # type: ignore[arg-type]


def audited(name: str, *images: Image, findings: tuple[Finding, ...] = (), **more: object) -> Audited:
    """A repository on a forge, judged whole."""
    own = replace(samples.run("audit", base=None, merge_base=None, head=samples.HEAD), target=name)
    whole = tuple(
        replace(image, change=None, uses=tuple(replace(use, change=None) for use in image.uses)) for image in images
    )
    return Audited(
        Target(name, f"https://github.com/acme/{name}.git", "main"),
        samples.HEAD,
        Report(run=own, images=whole, findings=findings, **more),  # type: ignore[arg-type]
    )


def _night(number: int, unsigned: int, **more: object) -> Night:
    verdicts = {Verdict.UNSIGNED: unsigned, Verdict.VERIFIED: 40 - unsigned, Verdict.WRONG_SIGNER: 1}
    findings = {Level.ERROR: unsigned + 1, Level.WARNING: 3}
    started = STARTED - timedelta(days=4 - number)
    return Night(number, started, 5, 1, 41, verdicts, findings, **more)  # type: ignore[arg-type]


def _worker() -> tuple[Image, Finding]:
    """An unsigned image that has been there for 41 days."""
    name = "ghcr.io/acme/worker:7"
    image = samples.image(
        name,
        Verdict.UNSIGNED,
        samples.use(name, "apps/worker/cronjob.yaml", 22, "worker", "apps/worker"),
        samples.use(name, "apps/batch/cronjob.yaml", 9, "batch", "apps/batch"),
        reason="no signature in any form: asked referrers, .sig and .att",
        help="sign it in CI with cosign sign, or waive it until a date in auditor.yaml",
        policies=(
            JudgedPolicy("ClusterPolicy/check-images", "policies/check.yaml", PolicyVerdict.FAIL, "no signatures"),
        ),
    )
    return image, samples.finding_for(image, "unsigned-image", Level.ERROR, since=date(2026, 10, 10))


def five() -> Listed:
    """One fails, one has hostile names, one is clean, one holds nothing, one could not be reached."""
    failing = samples.failing()
    worker, old = _worker()
    moved = Finding(
        "tag-moved",
        Level.WARNING,
        "the tag 3.4 names sha256:0b1c2d3e4f50 now, it named sha256:9f8e7d6c5b4a on 2026-11-19",
        "pin the digest, so that what is deployed is what was reviewed: auditor pin",
        image="ghcr.io/acme/web:3.4",
        root="apps/web",
        since=date(2026, 11, 20),
    )
    newly = Finding(
        "newly-verified",
        Level.NOTE,
        "unsigned on 2026-11-19, signed now",
        "",
        image="ghcr.io/acme/db:9",
        since=date(2026, 11, 20),
    )
    text = "<img src=x onerror=alert(1)>|`@acme/all`\x1b[31m\u202e=1+1"
    hostile = samples.hostile(text)
    web = failing.images[4]
    return Listed(
        run(notes=("the history was made anew: the old file is beside it",)),
        (
            audited("shop", *failing.images[:5], worker, findings=(*failing.findings, old, moved)),
            audited(text, *hostile.images, findings=hostile.findings, gaps=hostile.gaps),
            audited("platform", web, worker, findings=(newly, dataclasses.replace(old, baseline=True))),
            audited("empty", empty=True),
            Audited(
                Target("billing", "ssh://git@git.acme.example/billing.git", path="clusters/prod"),
                failure=Failure(Stage.FETCH, "git.acme.example answered: permission denied", "add the job's key there"),
            ),
        ),
        (_night(1, 9), _night(2, 7), _night(3, 7, complete=False), _night(4, 5)),
    )


def hostile(text: str) -> Listed:
    """A fleet in which `text` stands wherever somebody else may put a string."""
    whole = samples.hostile(text)
    drifted = Finding("tag-moved", Level.WARNING, text, text, image=text, since=date(2026, 11, 1))
    one = audited(text, *whole.images, findings=(*whole.findings, drifted), gaps=whole.gaps)
    one = replace(one, target=Target(text, text, text, text), commit=text)
    missed = Audited(Target(f"{text}!", text, text, text), failure=Failure(Stage.FETCH, text, text))
    about = replace(run(notes=(text,), ended_early=text, renderers={text: text}), version=text, targets=text)
    return Listed(about, (one, missed), (_night(1, 9), _night(2, 7)))


def many(repositories: int, images: int = 40, distinct: int = 3000) -> Iterator[Audited]:
    """Repositories with images that they share: a fifth is unsigned, a repository in a hundred was not reached."""
    for number in range(repositories):
        name = f"acme/service-{number:05d}"
        if number % 100 == 99:
            yield Audited(Target(name, f"https://github.com/{name}.git"), failure=Failure(Stage.FETCH, "time out"))
            continue
        judged, findings = list[Image](), list[Finding]()
        for index in range(images):
            which = (number * 7 + index * 13) % distinct
            image = _synthetic(which, index)
            judged.append(image)
            if image.verdict is Verdict.UNSIGNED:
                since = date(2026, 11, 20) - timedelta(days=which % 90)
                findings.append(samples.finding_for(image, "unsigned-image", Level.ERROR, since=since))
        yield audited(name, *judged, findings=tuple(findings))


def _synthetic(which: int, index: int) -> Image:
    reference = f"ghcr.io/acme/app-{which % 800}:{which}.0"
    unsigned = which % 5 == 0
    return samples.image(
        reference,
        Verdict.UNSIGNED if unsigned else Verdict.VERIFIED,
        samples.use(reference, f"apps/app-{index}/kustomization.yaml", 12, f"app-{index}", f"apps/app-{index}"),
        reason="no signature in any form" if unsigned else f"signed by {samples.RELEASE}",
        help="sign it in CI" if unsigned else "",
        signatures=() if unsigned else _signatures(),
        change=Change.ADDED,
    )


def _signatures() -> tuple[JudgedSignature, ...]:
    """The signatures of an image that is signed as it should be."""
    return samples.failing().images[4].signatures


class Endless(Struct, frozen=True):
    """A fleet whose repositories are made as they are read: nothing of it is held."""

    number: int
    run: AuditRun

    def repositories(self) -> Iterator[Audited]:
        """In the order of names."""
        return many(self.number)

    def nights(self) -> tuple[Night, ...]:
        """A month."""
        return tuple(
            replace(_night(n % 9, 5 + n % 4), id=n, started=STARTED - timedelta(days=31 - n)) for n in range(1, 31)
        )
