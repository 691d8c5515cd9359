"""ClusterPolicies with `verifyImages`, type Cosign: who signed, statements, names, and which workloads a rule is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fixtures.sigstore import GITHUB_ISSUER, SLSA_PROVENANCE
from fixtures.sigstore.statements import CYCLONEDX
from tests.interop.policies.stage import ATTESTED, KEY, MAIL, OTHER, OTHER_KEY, SHOP, SIGNED, TAG, TIMES, Stage, public
from tests.interop.policies.tables import Document, Table, Workload

_UNPINNED: Final = {"mutateDigest": False, "verifyDigest": False, "required": False}


def tables(stage: Stage) -> list[Table]:
    """All of them."""
    return [_signers(stage), _times(stage), _statements(stage), _names(stage), _digests(stage), _workloads(stage)]


class Writer:
    """Writes policies that rest on the stage's own trust."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        pems = stage.pems
        self.rekor = {"url": "https://rekor.acme.example", "pubkey": pems["rekor"]}
        self.ctlog = {"pubkey": pems["ctlog"]}
        self.trust: Document = {"roots": pems["fulcio"], "rekor": self.rekor, "ctlog": self.ctlog}

    def keyless(self, subject: str | None = SHOP.subject, issuer: str | None = GITHUB_ISSUER, **more: Any) -> Document:
        """An entry by identity. A field that is given as None is left out."""
        fields = {**self.trust, "subject": subject, "issuer": issuer, **more}
        return {"keyless": {name: value for name, value in fields.items() if value is not None}}

    def keys(self, *pems: str, **more: Any) -> Document:
        """An entry by key."""
        return {"keys": {"publicKeys": "\n".join(pems), "rekor": self.rekor, "ctlog": self.ctlog, **more}}


def policy(name: str, *verifications: Document, action: str = "Enforce", **rule: Any) -> tuple[str, Document]:
    """A ClusterPolicy of one rule about Pods."""
    body = {
        "name": "signed",
        "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        **rule,
        "verifyImages": list(verifications),
    }
    spec = {"validationFailureAction": action, "background": False, "rules": [body]}
    return name, {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def verification(*sets: Any, **more: Any) -> Document:
    """A `verifyImages` entry; a set is a list of entries, or a set as it is written."""
    written = [each if isinstance(each, dict) else {"entries": each} for each in sets]
    return {"imageReferences": ["ghcr.io/acme/*"], **_UNPINNED, "attestors": written, **more}


def nested(entries: list[Document], **more: Any) -> Document:
    """A set as an entry of another one."""
    return {"attestor": {"entries": entries, **more}}


# ── who has signed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _signers(stage: Stage) -> Table:
    writer = Writer(stage)
    shop, other = writer.keyless(), writer.keyless(OTHER.subject)
    key, other_key = writer.keys(public(KEY)), writer.keys(public(OTHER_KEY))
    both_keys = writer.keys(public(KEY), public(OTHER_KEY))
    cases = {
        "subject-exact": verification([shop]),
        "subject-another": verification([other]),
        "subject-glob": verification([writer.keyless("https://github.com/acme/*")]),
        "subject-glob-short": verification([writer.keyless("https://github.com/acme")]),
        "subject-glob-question": verification([writer.keyless("https://github.com/acme/sh?p/*")]),
        "subject-glob-brackets": verification([writer.keyless("https://github.com/acme/[s]hop/*")]),
        "subject-glob-all": verification([writer.keyless("*")]),
        "subject-upper-case": verification([writer.keyless(SHOP.subject.upper())]),
        "subject-address": verification([writer.keyless("*@acme.example", MAIL.issuer)]),
        "subject-regexp": verification([writer.keyless(None, subjectRegExp=r"acme/sh.p")]),
        "subject-regexp-anchored": verification([writer.keyless(None, subjectRegExp=r"^acme/shop$")]),
        "subject-regexp-flags": verification(
            [writer.keyless(None, subjectRegExp=r"(?i)^HTTPS://GITHUB\.COM/ACME/SHOP/")]
        ),
        "subject-or-regexp": verification([writer.keyless(OTHER.subject, subjectRegExp=r"acme/shop")]),
        "issuer-glob": verification([writer.keyless(None, "https://*.githubusercontent.com")]),
        "issuer-slash": verification([writer.keyless(None, f"{GITHUB_ISSUER}/")]),
        "issuer-regexp": verification([writer.keyless(None, None, issuerRegExp="^https://token")]),
        "issuer-and-regexp": verification([writer.keyless(None, GITHUB_ISSUER, issuerRegExp="google")]),
        "anybody": verification([writer.keyless(None, None)]),
        "extension-name": verification([writer.keyless(additionalExtensions={"githubWorkflowTrigger": "push"})]),
        "extension-oid": verification(
            [writer.keyless(None, None, additionalExtensions={"1.3.6.1.4.1.57264.1.5": "acme/*"})]
        ),
        "extension-another": verification([writer.keyless(additionalExtensions={"githubWorkflowRef": "refs/heads/*"})]),
        "all-of-two": verification([shop, other]),
        "one-of-two": verification({"count": 1, "entries": [shop, other]}),
        "two-of-three": verification({"count": 2, "entries": [shop, other, key]}),
        "two-sets": verification([shop], [other]),
        "nested": verification({"count": 1, "entries": [nested([shop, other]), key]}),
        "nested-count": verification([nested([other, key], count=1), nested([shop, other_key], count=1)]),
        "key": verification([key]),
        "keys-all": verification([both_keys]),
        "keys-one": verification({"count": 1, "entries": [both_keys]}),
        "annotations": verification([{**shop, "annotations": {"env": "prod"}}]),
        "annotations-of-entry": verification([shop], annotations={"env": "prod"}),
        "annotations-replaced": verification([{**shop, "annotations": {"env": "dev"}}], annotations={"env": "prod"}),
        "no-sct": verification([writer.keyless(ctlog={"ignoreSCT": True})]),
        "public-roots": verification(
            [writer.keyless(roots=None, rekor={"url": "https://rekor.sigstore.dev"}, ctlog=None)]
        ),
        "stranger-roots": verification([writer.keyless(roots=stage.stranger.pem_files()["fulcio"].decode())]),
        "repository": verification([{**shop, "repository": "ghcr.io/acme/signatures"}]),
        "repository-of-rule": verification([shop], repository="ghcr.io/acme/signatures"),
        "skipped": verification([shop], skipImageReferences=["*/other:*", "*/unsigned*"]),
        "nobody-named": {**verification(), "attestors": []},
    }
    made = dict(policy(name, case) for name, case in cases.items())
    made |= dict([policy("two-entries", verification([shop]), verification([other], imageReferences=["*/two:*"]))])
    made |= dict([policy("audit", verification([shop]), action="Audit")])
    return Table(
        "ClusterPolicy: who has signed",
        "`verifyImages` of type `Cosign`, `mutateDigest: false`.",
        [Workload(name, stage.image(name)) for name in SIGNED],
        made,
    )


def _times(stage: Stage) -> Table:
    writer = Writer(stage)
    stamped, unlogged = {**writer.ctlog, "tsaCertChain": stage.pems["tsa"]}, {**writer.rekor, "ignoreTlog": True}
    cases = {
        "log": verification([writer.keyless()]),
        "timestamp": verification([writer.keyless(rekor=unlogged, ctlog=stamped)]),
        "timestamp-and-log": verification([writer.keyless(ctlog=stamped)]),
        "neither": verification([writer.keyless(rekor=unlogged)]),
        "no-address": verification([writer.keyless(rekor={"ignoreTlog": True}, ctlog=stamped)]),
    }
    return Table(
        "ClusterPolicy: logs and times",
        "`rekor` and `ctlog` where a signature has no log entry, or no time at all.",
        [Workload(name, stage.image(name)) for name in TIMES],
        dict(policy(name, case) for name, case in cases.items()),
    )


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _statements(stage: Stage) -> Table:
    writer = Writer(stage)
    shop, other = writer.keyless(), writer.keyless(OTHER.subject)
    source = "{{ buildDefinition.externalParameters.workflow.repository }}"

    def attested(*entries: Document, kind: str = SLSA_PROVENANCE, field: str = "type", **more: Any) -> Document:
        sets = {"attestors": [{"entries": list(entries)}]} if entries else {}
        return {field: kind, **sets, **more}

    def condition(operator: str, value: Any, key: str = source) -> list[Document]:
        return [{"all": [{"key": key, "operator": operator, "value": value}]}]

    good = "https://github.com/acme/shop"
    cases: Mapping[str, Document] = {
        "provenance": attested(shop),
        "provenance-by-another": attested(other),
        "provenance-by-glob": attested(writer.keyless("https://github.com/acme/*")),
        "provenance-by-either": {**attested(), "attestors": [{"count": 1, "entries": [shop, other]}]},
        "predicate-type": attested(shop, field="predicateType"),
        "bill-of-materials": attested(shop, kind=CYCLONEDX),
        "type-glob": attested(shop, kind="https://slsa.dev/*"),
        "from-source": attested(shop, conditions=condition("Equals", good)),
        "from-source-glob": attested(shop, conditions=condition("Equals", "https://github.com/acme/*")),
        "from-source-in": attested(shop, conditions=condition("AnyIn", [good, "https://github.com/acme/api"])),
        "not-from-source": attested(shop, conditions=condition("NotEquals", good)),
        "from-source-any": attested(
            shop,
            conditions=[{"any": [*condition("Equals", "nobody")[0]["all"], *condition("Equals", good)[0]["all"]]}],
        ),
        "condition-missing": attested(shop, conditions=condition("Equals", "x", "{{ nothing.like.this }}")),
        "condition-default": attested(shop, conditions=condition("Equals", "x", "{{ nothing.like || 'x' }}")),
        "by-anybody": attested(),
        "public-ctlog": attested(writer.keyless(ctlog=None)),
        "no-sct": attested(writer.keyless(ctlog={"ignoreSCT": True})),
    }
    made = dict(policy(name, verification(attestations=[case])) for name, case in cases.items())
    made |= dict([policy("signed-and-attested", verification([shop], attestations=[attested(shop)]))])
    made |= dict([policy("two-types", verification(attestations=[attested(shop), attested(shop, kind=CYCLONEDX)]))])
    return Table(
        "ClusterPolicy: what statements say",
        "`attestations` of `verifyImages`, with conditions on the predicate.",
        [Workload(name, stage.image(name)) for name in ATTESTED],
        made,
    )


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def forms(stage: Stage) -> list[Workload]:
    """One signed image under all its names, and one that nobody signed on Docker Hub."""
    signed, unsigned = stage.digest("acme/classic"), stage.digest("library/nginx")
    texts = {
        "tag": f"ghcr.io/acme/classic:{TAG}",
        "digest": f"ghcr.io/acme/classic@{signed}",
        "tag-and-digest": f"ghcr.io/acme/classic:{TAG}@{signed}",
        "hub": f"acme/classic:{TAG}",
        "hub-by-name": f"docker.io/acme/classic:{TAG}",
        "hub-by-index": f"index.docker.io/acme/classic:{TAG}",
        "library": f"nginx:{TAG}",
        "library-by-name": f"docker.io/library/nginx:{TAG}",
        "library-digest": f"nginx@{unsigned}",
    }
    return [Workload(name, text) for name, text in texts.items()]


GLOBS: Final = {
    "all": "*",
    "one-level": "ghcr.io/*",
    "two-stars": "ghcr.io/**",
    "by-tag": f"ghcr.io/acme/*:{TAG}",
    "any-tag": "ghcr.io/acme/*:*",
    "digest": "ghcr.io/acme/*@sha256:*",
    "question": "ghcr.io/acme/classi?:v?",
    "bare": "ghcr.io/acme/classic",
    "bare-star": "ghcr.io/acme/classic*",
    "brackets": "ghcr.io/[a]cme/*",
    "braces": "ghcr.io/{acme,other}/*",
    "hub": "docker.io/*",
    "hub-acme": "docker.io/acme/*",
    "hub-index": "index.docker.io/*",
    "hub-library": "docker.io/library/*",
    "hub-nginx": "docker.io/nginx*",
    "nginx": "nginx*",
    "upper-case": "GHCR.IO/acme/*",
    "inside": "*/acme/*",
}
"""Globs that the dialects read each in its own way."""


def _names(stage: Stage) -> Table:
    shop = Writer(stage).keyless()
    made = dict(policy(name, verification([shop], imageReferences=[glob])) for name, glob in GLOBS.items())
    return Table(
        "ClusterPolicy: names and globs",
        "`imageReferences`, by the name that Kyverno makes of each reference.",
        forms(stage),
        made,
    )


def _digests(stage: Stage) -> Table:
    """Kyverno's own defaults change what later policies see: each is asked by itself."""
    shop = Writer(stage).keyless()
    defaults = {"mutateDigest": True, "verifyDigest": True, "required": True}
    cases = {
        "defaults": {**verification([shop]), **defaults},
        "verify-digest": {**verification([shop]), **defaults, "mutateDigest": False},
        "only-required": {**verification([shop]), "required": True},
        "digest-of-anything": {**verification(), "verifyDigest": True, "attestors": []},
        "pinned-by-nobody": {**verification(), "mutateDigest": True, "verifyDigest": True, "attestors": []},
        "required-of-nobody": {**verification(), "required": True, "attestors": []},
        "defaults-of-nobody": {**verification(), **defaults, "attestors": []},
        "skipped": {**verification([shop]), **defaults, "mutateDigest": False, "skipImageReferences": ["*"]},
        "skipped-and-pinned": {**verification([shop]), **defaults, "skipImageReferences": ["*"]},
    }
    return Table(
        "ClusterPolicy: digests",
        "`mutateDigest`, `verifyDigest`, `required`.",
        [*forms(stage)[:3], Workload("unsigned", stage.image("unsigned"))],
        dict(policy(name, case) for name, case in cases.items()),
        alone=True,
    )


# ── workloads ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _workloads(stage: Stage) -> Table:
    shop = Writer(stage).keyless()
    image = stage.image("other")  # signed by another: each rule that speaks refuses it
    columns = [
        Workload("pod", image, namespace="prod"),
        Workload("pod-labelled", image, labels={"app": "web", "tier": "front"}, namespace="prod"),
        Workload("pod-system", image, namespace="kube-system"),
        Workload("deployment", image, "Deployment", namespace="prod"),
        Workload("deployment-labelled", image, "Deployment", labels={"app": "web"}, namespace="prod"),
        Workload("daemonset", image, "DaemonSet", namespace="prod"),
        Workload("cronjob", image, "CronJob", namespace="prod"),
        Workload("job", image, "Job", namespace="prod"),
        Workload("init", stage.image("classic"), init=image, namespace="prod"),
        Workload("good", stage.image("classic"), namespace="prod"),
    ]

    def about(**resources: Any) -> Document:
        return {"any": [{"resources": {"kinds": ["Pod"], **resources}}]}

    rules: dict[str, Document] = {
        "pods": {},
        "pods-of-prod": {"match": about(namespaces=["prod"])},
        "pods-of-glob": {"match": about(namespaces=["kube-*"])},
        "pods-by-name": {"match": about(names=["pod-*", "deploy*"])},
        "pods-by-label": {"match": about(selector={"matchLabels": {"app": "web"}})},
        "pods-by-expression": {"match": about(selector={"matchExpressions": [{"key": "tier", "operator": "Exists"}]})},
        "not-system": {"exclude": {"any": [{"resources": {"namespaces": ["kube-system"]}}]}},
        "not-labelled": {"exclude": {"any": [{"resources": {"selector": {"matchLabels": {"tier": "front"}}}}]}},
        "deployments": {"match": {"any": [{"resources": {"kinds": ["Deployment"]}}]}},
        "deployments-by-group": {"match": {"any": [{"resources": {"kinds": ["apps/v1/Deployment"]}}]}},
        "all-kinds": {"match": {"any": [{"resources": {"kinds": ["Pod", "Deployment", "Job"]}}]}},
        "created": {"match": about(operations=["CREATE"])},
        "precondition": {
            "preconditions": {
                "all": [{"key": "{{ request.object.metadata.namespace }}", "operator": "Equals", "value": "prod"}]
            }
        },
    }
    made = dict(policy(name, verification([shop]), **rule) for name, rule in rules.items())
    for setting in ("none", "Deployment", "DaemonSet,CronJob"):
        name = f"autogen-{setting.lower().replace(',', '-')}"
        _, document = policy(name, verification([shop]))
        document["metadata"]["annotations"] = {"pod-policies.kyverno.io/autogen-controllers": setting}
        made[name] = document
    return Table(
        "ClusterPolicy: which workloads",
        "`match`, `exclude`, `preconditions`, and rules for Pods that Kyverno repeats for their controllers.",
        columns,
        made,
    )
