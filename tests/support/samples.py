"""Reports to render: small, complete, and built from the real model. `hostile` puts any string everywhere it can stand."""

from __future__ import annotations

from datetime import UTC, date, datetime

from auditor.model.evidence import Fault, FaultKind, Form, KeySigned, Refused, Signed, Step, Unreadable
from auditor.model.finding import Finding, Level, Waived
from auditor.model.gap import Gap
from auditor.model.identity import Identity, SubjectType
from auditor.model.place import Place
from auditor.model.reference import Digest
from auditor.model.report import (
    Change,
    Image,
    JudgedPlatform,
    JudgedPolicy,
    JudgedSignature,
    JudgedUse,
    PolicyVerdict,
    Previous,
    Report,
    Run,
    TrustUsed,
)
from auditor.model.use import Confidence, Use, Via, Workload
from auditor.model.verdict import Verdict

BASE = "1f6c0b2e9d7a4c5b8e3f0a1b2c3d4e5f60718293"
HEAD = "8a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3"
STARTED = datetime(2026, 11, 20, 9, 30, 0, tzinfo=UTC)
LOGGED = datetime(2026, 11, 19, 17, 5, 42, tzinfo=UTC)
ISSUER = "https://token.actions.githubusercontent.com"
RELEASE = "https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.1.0"


def digest(seed: str) -> Digest:
    """A digest that is stable for its seed."""
    return Digest.of(seed.encode("utf-8", "surrogatepass"))


def identity(subject: str = RELEASE) -> Identity:
    """What a GitHub workflow's certificate says."""
    claims = {"sourceRepositoryURI": "https://github.com/acme/api", "buildTrigger": "push"}
    return Identity(ISSUER, subject, SubjectType.URI, claims)


def signed(subject: str = RELEASE, form: Form = Form.BUNDLE) -> Signed:
    """A valid signature."""
    return Signed(form, identity(subject), LOGGED, ("public-good",), log_index=123456)


def use(reference: str, file: str, line: int, workload: str = "api", root: str | None = "apps/api") -> JudgedUse:
    """A use in a Deployment that the change adds."""
    return JudgedUse(
        Use(
            reference=reference,
            place=Place(file, line, 11, "images[0].newTag"),
            workload=Workload("Deployment", workload, "prod", "apps/v1"),
            container="app",
            root=root,
            via=Via.IMAGES_ENTRY,
            base=Place("base/deployment.yaml", 21, 18, "spec.template.spec.containers[0].image"),
        ),
        Change.ADDED,
    )


def image(
    reference: str,
    verdict: Verdict,
    *uses: JudgedUse,
    reason: str = "",
    help: str = "",  # noqa: A002 - the model's word
    **more: object,
) -> Image:
    """An image that the change adds."""
    name, _, tag = reference.rpartition(":")
    fields: dict[str, object] = {
        "name": name,
        "tag": tag,
        "digest": digest(reference),
        "pinned": False,
        "change": Change.ADDED,
        "rule": "images[0]",
        **more,
    }
    return Image(reference=reference, uses=uses, verdict=verdict, reason=reason, help=help, **fields)  # type: ignore[arg-type]


def listed(reference: str, change: Change | None = None, root: str | None = "apps/db") -> Image:
    """An image that was only found, not judged."""
    found = use(reference, "apps/db/deploy.yaml", 5, "db", root).use
    return Image(reference, reference.rpartition(":")[0], None, None, False, (JudgedUse(found, change),), change)


def finding_for(image: Image, rule: str, level: Level, message: str = "", help: str = "", **more: object) -> Finding:  # noqa: A002 - the model's word
    """A finding about the first use of an image."""
    first = image.uses[0].use
    return Finding(
        rule,
        level,
        message or image.reason,
        help or image.help,
        place=first.place,
        image=image.reference,
        root=first.root,
        owner=first.owner,
        **more,  # type: ignore[arg-type]
    )


def run(command: str = "check", **more: object) -> Run:
    """A run that compared two commits."""
    fields: dict[str, object] = {
        "base": BASE,
        "merge_base": BASE,
        "head": HEAD,
        "version": "0.1.0",
        "seconds": 1.234,
        "renderers": {"kustomize": None, "helm": None},
        "trust": (TrustUsed("public-good", "embedded", 12),),
        **more,
    }
    return Run(command=command, target=".", started=STARTED, **fields)  # type: ignore[arg-type]


def failing() -> Report:
    """A pull request with something of everything: two fail, one could not be judged, one is waived, one passes."""
    api, worker, cron = "ghcr.io/acme/api:2.1", "ghcr.io/acme/worker:7", "registry.acme.example/batch/cron:1.4"
    wrong = image(
        api,
        Verdict.WRONG_SIGNER,
        use(api, "apps/api/kustomization.yaml", 14),
        use(api, "apps/api/kustomization.yaml", 14, "api-canary"),
        reason="signed by https://github.com/mallory/api/.github/workflows/release.yaml@refs/heads/main, whom images[0] does not allow",
        help="nearest is signer release: the source repository is mallory/api, allowed is acme/*",
        previous=Previous("ghcr.io/acme/api:2.0", digest("old"), Verdict.VERIFIED, identity()),
        signatures=(
            JudgedSignature(
                signed("https://github.com/mallory/api/.github/workflows/release.yaml@refs/heads/main"),
                allowed=False,
                trust="public-good",
                why="the source repository is mallory/api, allowed is acme/*",
            ),
            JudgedSignature(Refused(Form.SIG, Step.CHAIN, "the certificate chains to no trust root", identity())),
        ),
    )
    unsigned = image(
        worker,
        Verdict.UNSIGNED,
        use(worker, "apps/worker/cronjob.yaml", 22, "worker", None),
        reason=f"no signature in any form for {digest(worker).short}: asked referrers, .sig and .att",
        help="sign it in CI with cosign sign, or waive it until a date in auditor.yaml",
    )
    unjudged = image(
        cron,
        Verdict.UNJUDGED,
        use(cron, "clusters/prod/cron.yaml", 9, "cron", "clusters/prod"),
        reason="registry.acme.example answered 401 Unauthorized to GET /v2/batch/cron/manifests/1.4",
        help="log in: docker login registry.acme.example",
        digest=None,
        signatures=(
            JudgedSignature(Unreadable(Form.BUNDLE, Fault(FaultKind.UNAUTHORIZED, "401 from registry.acme.example"))),
        ),
    )
    legacy = image(
        "ghcr.io/acme/legacy-billing:3",
        Verdict.KEY_SIGNED,
        use("ghcr.io/acme/legacy-billing:3", "apps/billing/deploy.yaml", 17, "billing", "apps/billing"),
        reason="signed only with a long-lived key that no rule names",
        help="name the key as a signer, or sign keylessly",
        signatures=(JudgedSignature(KeySigned(Form.SIG)),),
    )
    web = image(
        "ghcr.io/acme/web:3.4",
        Verdict.VERIFIED,
        use("ghcr.io/acme/web:3.4", "apps/web/kustomization.yaml", 8, "web", "apps/web"),
        reason=f"signed by {RELEASE}",
        signatures=(JudgedSignature(signed(), allowed=True, trust="public-good"),),
        platforms=(JudgedPlatform("linux/arm64", digest("arm"), Verdict.VERIFIED),),
        policies=(
            JudgedPolicy("ClusterPolicy/check-images", "policies/check.yaml", PolicyVerdict.PASS, "keyless entry 1"),
        ),
    )
    kept = listed("ghcr.io/acme/db:9", Change.KEPT)
    return Report(
        run=run(),
        images=(wrong, unsigned, unjudged, legacy, web, kept),
        findings=(
            finding_for(wrong, "wrong-signer", Level.ERROR),
            finding_for(unsigned, "unsigned-image", Level.ERROR),
            finding_for(
                unsigned, "numeric-tag", Level.WARNING, "the tag 7 is a number: YAML may read it as one", "quote it"
            ),
            finding_for(unjudged, "unjudged-image", Level.INCOMPLETE),
            finding_for(
                legacy,
                "key-signed-image",
                Level.ERROR,
                waived=Waived("platform-team", date(2027, 1, 31), "migrating, TICKET-123"),
            ),
            Finding(
                "rules-changed",
                Level.WARNING,
                "this change edits auditor.yaml: the rules of the base judged it, the new ones hold after the merge",
                "review the change of the rules as you would review code",
                Place("auditor.yaml", 12),
            ),
        ),
        gaps=(Gap(Place("charts/redis", 0), "helm chart", "helm is not installed"),),
    )


def clear() -> Report:
    """A pull request whose one new image is signed as it should be."""
    name = "ghcr.io/acme/web:3.4"
    web = image(
        name,
        Verdict.VERIFIED,
        use(name, "apps/web/kustomization.yaml", 8, "web", "apps/web"),
        reason=f"signed by {RELEASE}",
        previous=Previous("ghcr.io/acme/web:3.3", digest("old"), Verdict.VERIFIED, identity()),
        signatures=(JudgedSignature(signed(), allowed=True, trust="public-good"),),
    )
    return Report(run=run(), images=(web, listed("ghcr.io/acme/db:9", Change.KEPT)))


def nothing_new() -> Report:
    """A pull request that deploys no new image."""
    return Report(
        run=run(), images=(listed("ghcr.io/acme/db:9", Change.KEPT), listed("ghcr.io/acme/old:1", Change.REMOVED))
    )


def empty() -> Report:
    """A tree without any image."""
    return Report(run=run(base=None, merge_base=None, head=None), empty=True)


def inventory() -> Report:
    """What `auditor images` lists."""
    guess = Use("ghcr.io/acme/sidecar:1", Place("config/map.yaml", 7, 3), confidence=Confidence.LOW, deployed=False)
    images = (
        Image("ghcr.io/acme/sidecar:1", "ghcr.io/acme/sidecar", "1", None, False, (JudgedUse(guess),)),
        Image(
            "ghcr.io/acme/api:2.1",
            "ghcr.io/acme/api",
            "2.1",
            None,
            False,
            (
                JudgedUse(use("ghcr.io/acme/api:2.1", "apps/api/kustomization.yaml", 14).use),
                JudgedUse(use("ghcr.io/acme/api:2.1", "apps/api/kustomization.yaml", 14, "api-canary").use),
            ),
        ),
        listed("ghcr.io/acme/db:9"),
    )
    gaps = (Gap(Place("charts/redis"), "helm chart", "redis 18.1.0 was not rendered", "unrendered"),)
    return Report(run=run("images", base=None, merge_base=None, head=None, trust=()), images=images, gaps=gaps)


def verified() -> Report:
    """What `auditor verify` tells about one image."""
    name = "ghcr.io/acme/api:2.1"
    argument = Use(name, Place("", 0), via=Via.ARGUMENT)
    one = image(
        name,
        Verdict.VERIFIED,
        JudgedUse(argument),
        reason=f"signed by {RELEASE}",
        change=None,
        signatures=(
            JudgedSignature(signed(), allowed=True, trust="public-good"),
            JudgedSignature(Refused(Form.SIG, Step.LOG, "the log entry is about another signature", identity())),
            JudgedSignature(KeySigned(Form.ATT, (), "https://slsa.dev/provenance/v1", attestation=True)),
        ),
    )
    return Report(run=run("verify", base=None, merge_base=None, head=None), images=(one,))


def hostile(text: str) -> Report:
    """A report in which `text` stands wherever a repository, a registry or a certificate may put a string."""
    subject = Identity(text, text, SubjectType.URI, {text: text})
    place = Place(text, 3, 5, text)
    judged, fine, old = (
        JudgedUse(Use(name, place, Workload(text, text, text), text, text, base=Place(text, 2)), change)
        for name, change in ((text, Change.ADDED), (f"{text}:ok", Change.ADDED), (f"{text}:old", Change.REMOVED))
    )
    signatures = (
        JudgedSignature(Signed(Form.BUNDLE, subject, LOGGED, (text,), text), allowed=False, trust=text, why=text),
        JudgedSignature(KeySigned(Form.SIG, (text,), text)),
        JudgedSignature(Refused(Form.ATT, Step.CHAIN, text, subject, text)),
        JudgedSignature(Unreadable(Form.SIG, Fault(FaultKind.SERVER, text))),
    )
    bad = Image(
        reference=text,
        name=text,
        tag=text,
        digest=digest("any"),
        pinned=False,
        uses=(judged,),
        change=Change.ADDED,
        repository=text,
        verdict=Verdict.WRONG_SIGNER,
        reason=text,
        help=text,
        rule=text,
        previous=Previous(text, digest("old"), Verdict.VERIFIED, subject),
        signatures=signatures,
        platforms=(JudgedPlatform(text, digest("arm"), None),),
        policies=(JudgedPolicy(text, text, PolicyVerdict.FAIL, text),),
    )
    good = Image(
        f"{text}:ok", text, "ok", digest("ok"), True, (fine,), Change.ADDED, verdict=Verdict.VERIFIED, reason=text
    )
    waived = Waived(text, date(2027, 1, 31), text)
    return Report(
        run=run(
            text,
            version=text,
            base=text,
            head=text,
            notes=(text,),
            renderers={text: text},
            trust=(TrustUsed(text, text, 1),),
        ),
        images=(bad, good, Image(f"{text}:old", None, None, None, False, (old,), Change.REMOVED)),
        findings=(
            finding_for(bad, "wrong-signer", Level.ERROR, text, text),
            finding_for(bad, "numeric-tag", Level.WARNING, text, text),
            finding_for(bad, "latest-tag", Level.WARNING, text, text, waived=waived),
            finding_for(good, f"x{text}", Level.WARNING, text, text),
            Finding("unparsable-file", Level.INCOMPLETE, text, text, place, root=text),
            Finding("rules-changed", Level.NOTE, text, text, place, image=f"{text}!", waived=waived),
        ),
        gaps=(Gap(place, text, text, root=text, help=text, image=text),),
    )
