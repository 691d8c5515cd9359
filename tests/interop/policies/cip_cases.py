"""ClusterImagePolicies: authorities, attestations with Rego, globs, which workloads."""

from __future__ import annotations

from typing import Any, Final

import yaml

from fixtures.sigstore import GITHUB_ISSUER, SLSA_PROVENANCE
from fixtures.sigstore.statements import CYCLONEDX
from tests.interop.policies.kyverno_cases import forms
from tests.interop.policies.stage import ATTESTED, KEY, MAIL, OTHER, OTHER_KEY, SHOP, SIGNED, TIMES, Stage, public
from tests.interop.policies.tables import Document, Table, Workload
from tests.support.policies import trust_root

_PRIVATE: Final = {"trustRootRef": "private"}
_LOGGED: Final = {"ctlog": {"url": "https://rekor.acme.example", **_PRIVATE}}


def tables(stage: Stage) -> list[Table]:
    """All of them."""
    return [_signed(stage), _times(stage), _attested(stage), _names(stage), _workloads(stage)]


def cip(name: str, *authorities: Document, glob: str = "ghcr.io/acme/**", **spec: Any) -> tuple[str, Document]:
    """A ClusterImagePolicy."""
    return name, {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {"images": [{"glob": glob}], "authorities": list(authorities), **spec},
    }


def identity(subject: str = SHOP.subject, issuer: str = GITHUB_ISSUER, **more: str) -> Document:
    """An identity; a field that is empty is left out."""
    fields = {"issuer": issuer, "subject": subject, **more}
    return {name: value for name, value in fields.items() if value}


def keyless(*identities: Document, **more: Any) -> Document:
    """An authority by identity, under the private root, its log asked for."""
    return {"keyless": {**_PRIVATE, "identities": list(identities) or [identity()]}, **_LOGGED, **more}


def _others(stage: Stage) -> list[Document]:
    return [yaml.safe_load(trust_root(stage.sigstore))]


def _pinned(stage: Stage, name: str) -> Workload:
    return Workload(name, f"ghcr.io/acme/{name}@{stage.digest(f'acme/{name}')}")


# ── who has signed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _signed(stage: Stage) -> Table:
    key, other_key = {"key": {"data": public(KEY)}}, {"key": {"data": public(OTHER_KEY)}}
    other = identity(OTHER.subject)
    regexp = {"issuerRegExp": ".*", "issuer": ""}
    cases: dict[str, tuple[Document, ...]] = {
        "exact": (keyless(),),
        "another": (keyless(other),),
        "glob-in-exact-field": (keyless(identity("https://github.com/acme/*")),),
        "upper-case": (keyless(identity(SHOP.subject.upper())),),
        "issuer-slash": (keyless(identity(issuer=f"{GITHUB_ISSUER}/")),),
        "address": (keyless(identity(MAIL.subject, MAIL.issuer)),),
        "two-identities": (keyless(identity(), other),),
        "regexp": (keyless(identity("", subjectRegExp="acme/sh.p")),),
        "regexp-anchored": (keyless(identity("", subjectRegExp="^acme/shop$")),),
        "regexp-flags": (keyless(identity("", subjectRegExp="(?i)ACME/SHOP")),),
        "regexp-anyone": (keyless(identity("", subjectRegExp=".*", **regexp)),),
        "issuer-regexp": (keyless(identity(issuer="", issuerRegExp="githubusercontent")),),
        "two-authorities": (keyless(), keyless(other)),
        "authority-or-key": (keyless(other), key),
        "key": (key,),
        "key-logged": ({**key, **_LOGGED},),
        "two-keys-in-one": ({"key": {"data": public(KEY) + public(OTHER_KEY)}},),
        "either-key": (key, other_key),
        "no-sct": ({"keyless": {**_PRIVATE, "insecureIgnoreSCT": True, "identities": [identity()]}, **_LOGGED},),
        "public-root": ({"keyless": {"url": "https://fulcio.sigstore.dev", "identities": [identity()]}},),
        "source": (keyless(source=[{"oci": "ghcr.io/acme/signatures"}]),),
        "bundles": (keyless(signatureFormat="bundle"),),
        "static-pass": ({"static": {"action": "pass"}},),
        "static-fail": ({"static": {"action": "fail"}},),
        "static-fail-or-signed": ({"static": {"action": "fail"}}, keyless()),
    }
    made = dict(cip(name, *authorities) for name, authorities in cases.items())
    count = "package sigstore\nisCompliant { count(input.authorityMatches) > 1 }"
    made |= dict(
        [
            cip("mode-warn", keyless(), mode="warn"),
            cip("policy-counts", keyless(), keyless(other), policy={"type": "rego", "data": count}),
        ]
    )
    return Table(
        "ClusterImagePolicy: who has signed",
        "Authorities under a TrustRoot of keys; images by digest, as the controller's own mutation leaves them.",
        [_pinned(stage, name) for name in SIGNED],
        made,
        _others(stage),
    )


def _times(stage: Stage) -> Table:
    cases = {
        "log": keyless(),
        "log-unchecked": {"keyless": {**_PRIVATE, "identities": [identity()]}},
        "timestamp": {"keyless": {**_PRIVATE, "identities": [identity()]}, "rfc3161timestamp": _PRIVATE},
        "timestamp-and-log": keyless(rfc3161timestamp=_PRIVATE),
    }
    return Table(
        "ClusterImagePolicy: logs and times",
        "`ctlog` and `rfc3161timestamp` where a signature has no log entry, or no time at all.",
        [_pinned(stage, name) for name in TIMES],
        dict(cip(name, authority) for name, authority in cases.items()),
        _others(stage),
    )


# ── statements ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _attested(stage: Stage) -> Table:
    def attestation(kind: str = SLSA_PROVENANCE, script: str = "", language: str = "rego") -> Document:
        return {
            "name": "built",
            "predicateType": kind,
            **({"policy": {"type": language, "data": script}} if script else {}),
        }

    def source(text: str) -> str:
        where = "input.predicate.buildDefinition.externalParameters.workflow.repository"
        return f'package sigstore\ndefault isCompliant = false\nisCompliant {{ {where} == "https://github.com/acme/{text}" }}'

    where = "predicate: buildDefinition: externalParameters: workflow: repository:"
    cases = {
        "provenance": keyless(attestations=[attestation()]),
        "provenance-by-another": keyless(identity(OTHER.subject), attestations=[attestation()]),
        "provenance-by-regexp": keyless(identity("", subjectRegExp="acme/"), attestations=[attestation()]),
        "bill-of-materials": keyless(attestations=[attestation(CYCLONEDX)]),
        "short-name": keyless(attestations=[attestation("cyclonedx")]),
        "from-source": keyless(attestations=[attestation(script=source("shop"))]),
        "from-another-source": keyless(attestations=[attestation(script=source("other"))]),
        "never": keyless(attestations=[attestation(script="package sigstore\nisCompliant { false }")]),
        "cue": keyless(attestations=[attestation(script=f'{where} "https://github.com/acme/shop"', language="cue")]),
        "two-statements": keyless(attestations=[attestation(), {**attestation(CYCLONEDX), "name": "bom"}]),
    }
    return Table(
        "ClusterImagePolicy: what statements say",
        "`attestations` with policies in Rego and CUE.",
        [_pinned(stage, name) for name in ATTESTED],
        dict(cip(name, authority) for name, authority in cases.items()),
        _others(stage),
    )


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(stage: Stage) -> Table:
    globs = {
        "star": "*",
        "star-star": "*/*",
        "everything": "**",
        "one-level": "ghcr.io/*",
        "two-levels": "ghcr.io/*/*",
        "two-stars": "ghcr.io/**",
        "acme": "ghcr.io/acme/*",
        "any-tag": "ghcr.io/acme/*:*",
        "by-tag": "ghcr.io/acme/*:v1",
        "digest": "ghcr.io/acme/*@sha256:*",
        "bare": "ghcr.io/acme/classic",
        "bare-star": "ghcr.io/acme/classic*",
        "hub": "docker.io/**",
        "hub-index": "index.docker.io/**",
        "hub-library": "index.docker.io/library/*",
        "nginx": "nginx*",
        "upper-case": "GHCR.IO/acme/*",
        "dot": "ghcr-io/acme/*",
        "inside": "**/acme/**",
    }
    static = {"static": {"action": "fail"}}
    return Table(
        "ClusterImagePolicy: names and globs",
        "`images[].glob` before a policy that refuses all that it speaks about.",
        [_by_digest(stage, each) for each in forms(stage)],
        dict(cip(name, static, glob=glob) for name, glob in globs.items()),
        _others(stage),
    )


def _by_digest(stage: Stage, form: Workload) -> Workload:
    """The same under the name that the controller's own mutation makes of it."""
    path = "library/nginx" if form.name.startswith("library") else "acme/classic"
    return form if "@" in form.image else Workload(form.name, f"{form.image}@{stage.digest(path)}")


def _workloads(stage: Stage) -> Table:
    image = f"ghcr.io/acme/classic@{stage.digest('acme/classic')}"
    columns = [
        Workload("pod", image),
        Workload("pod-labelled", image, labels={"app": "web"}),
        Workload("deployment", image, "Deployment"),
        Workload("deployment-labelled", image, "Deployment", labels={"app": "web"}),
        Workload("cronjob", image, "CronJob"),
    ]
    labelled = {"selector": {"matchLabels": {"app": "web"}}}
    matches: dict[str, list[Document]] = {
        "no-match": [],
        "pods": [{"resource": "pods", "version": "v1"}],
        "deployments": [{"resource": "deployments", "group": "apps", "version": "v1"}],
        "any-version": [{"resource": "deployments", "group": "apps", "version": "*"}],
        "another-version": [{"resource": "deployments", "group": "apps", "version": "v1beta1"}],
        "labelled": [{"resource": "pods", "version": "v1", **labelled}],
        "either": [
            {"resource": "cronjobs", "group": "batch", "version": "v1"},
            {"resource": "pods", "version": "v1", **labelled},
        ],
    }
    static = {"static": {"action": "fail"}}
    return Table(
        "ClusterImagePolicy: which workloads",
        "`match` before a policy that refuses all that it speaks about.",
        columns,
        dict(cip(name, static, match=match) for name, match in matches.items()),
        _others(stage),
    )
