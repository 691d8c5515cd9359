"""Flux's `spec.verify` on signatures that really verify."""

from __future__ import annotations

import base64
import json

import pytest

from auditor.model.evidence import Fault, FaultKind, Form, Unreadable
from auditor.model.report import PolicyVerdict
from auditor.model.use import Sort
from auditor.policies.flux import chart_uses
from auditor.policies.found import find_policies
from auditor.policies.inspected import Inspected, Resource
from auditor.registry.material import Listing
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import bundle, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.stack import REKOR_V2, TIMESTAMP_ONLY
from fixtures.sigstore.statements import SLSA_PROVENANCE, simple_signing
from tests.support.policies import image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, SKIP, UNKNOWN = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.SKIP, PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
STACK = SCENE.stack
PUBLIC: Root = made_root(STACK, "public-good")
OWN = Resource("OCIRepository", "source.toolkit.fluxcd.io/v1", "app", "flux-system")
IDENTITY = (
    "{issuer: '^https://token\\.actions\\.githubusercontent\\.com$', subject: '^https://github\\.com/acme/shop/'}"
)
OTHER = "{issuer: '^https://accounts\\.google\\.com$', subject: oncall}"
KEY = derive("acme", "flux key")
SIG = sig_layer(STACK.sign(SCENE.digest, SCENE.claimant, SCENE.at))
BUNDLE = bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at))
LOGGED_BY_V2 = bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, REKOR_V2))
PROVENANCE = bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, predicate_type=SLSA_PROVENANCE, predicate={}))
STRANGER = sig_layer(SCENE.stranger.sign(SCENE.digest, SCENE.claimant, SCENE.at))
KEYED = sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/shop", None)))


def repository(verify: str) -> str:
    return (
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {name: app, namespace: flux-system}\n"
        f"spec:\n  url: oci://ghcr.io/acme/manifests/app\n  ref: {{tag: v1}}\n  verify: {verify}\n"
    )


def secret(name: str, **data: bytes) -> str:
    encoded = json.dumps({key.replace("__", "."): base64.b64encode(value).decode() for key, value in data.items()})
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: flux-system}}\ndata: {encoded}\n"


def artifact(*stored: Stored, resource: Resource = OWN, listing: Listing | None = None) -> Inspected:
    return image_of("ghcr.io/acme/manifests/app:v1", stored, resources=(resource,), listing=listing)


@pytest.mark.parametrize(
    ("verify", "stored", "expected"),
    [
        (f"{{provider: cosign, matchOIDCIdentity: [{IDENTITY}]}}", [SIG], PASS),
        (f"{{provider: cosign, matchOIDCIdentity: [{IDENTITY}]}}", [], FAIL),
        (f"{{provider: cosign, matchOIDCIdentity: [{OTHER}]}}", [SIG], FAIL),
        (f"{{provider: cosign, matchOIDCIdentity: [{OTHER}, {IDENTITY}]}}", [SIG], PASS),
        (f"{{matchOIDCIdentity: [{IDENTITY}]}}", [STRANGER], FAIL),
        ("{provider: cosign}", [SIG], PASS),
        ("{provider: cosign}", [BUNDLE], FAIL),
        (f"{{matchOIDCIdentity: [{IDENTITY}]}}", [BUNDLE], PASS),
        (f"{{matchOIDCIdentity: [{IDENTITY}]}}", [PROVENANCE], PASS),
        (f"{{matchOIDCIdentity: [{IDENTITY}]}}", [LOGGED_BY_V2], PASS),
        (f"{{matchOIDCIdentity: [{OTHER}, {IDENTITY}]}}", [BUNDLE], FAIL),
        (f"{{matchOIDCIdentity: [{OTHER}]}}", [BUNDLE, SIG], FAIL),
        ("{provider: notation}", [SIG], UNKNOWN),
        ("{matchOIDCIdentity: [{issuer: '(?=a)', subject: b}]}", [SIG], UNKNOWN),
        ("{secretRef: {name: keys}}", [KEYED], UNKNOWN),
    ],
)
def test_what_flux_would_take(verify: str, stored: list[Stored], expected: PolicyVerdict) -> None:
    assert said(load_text(repository(verify)), artifact(*stored), PUBLIC)[0] is expected


def test_keys_leave_the_log_out_and_one_suffices() -> None:
    keys = secret("keys", other__pub=pem(derive("acme", "other").public_key()), own__pub=pem(KEY.public_key()))
    loaded = load_text(repository("{secretRef: {name: keys}}"), keys)
    assert said(loaded, artifact(KEYED), PUBLIC)[0] is PASS
    assert said(loaded, artifact(SIG), PUBLIC)[0] is FAIL
    wrong = secret("keys", other__pub=pem(derive("acme", "other").public_key()))
    assert said(load_text(repository("{secretRef: {name: keys}}"), wrong), artifact(KEYED), PUBLIC)[0] is FAIL


def test_a_trusted_root_replaces_the_public_one() -> None:
    verify = repository(f"{{trustedRootSecretRef: {{name: root}}, matchOIDCIdentity: [{IDENTITY}]}}")
    root = secret("root", trusted_root__json=json.dumps(SCENE.stranger.trusted_root()).encode())
    loaded = load_text(verify, root)
    assert said(loaded, artifact(STRANGER), PUBLIC)[0] is PASS
    assert said(loaded, artifact(SIG), PUBLIC)[0] is FAIL
    assert said(load_text(verify), artifact(SIG), PUBLIC)[0] is UNKNOWN


@pytest.mark.parametrize(
    ("without", "stored", "expected"),
    [
        ({}, LOGGED_BY_V2, PASS),
        ({}, BUNDLE, FAIL),  # the root has time stamping authorities, and it is not stamped
        ({}, SIG, PASS),  # a classic signature may go by the log's time
        ({"tsa": False}, BUNDLE, PASS),
        ({"tsa": False}, LOGGED_BY_V2, FAIL),
        ({"tlogs": False}, bundle(STACK.attest(SCENE.digest, SCENE.claimant, SCENE.at, TIMESTAMP_ONLY)), PASS),
        ({"tlogs": False, "tsa": False}, BUNDLE, UNKNOWN),
    ],
)
def test_what_a_trusted_root_holds_is_demanded(
    without: dict[str, bool], stored: Stored, expected: PolicyVerdict
) -> None:
    verify = repository(f"{{trustedRootSecretRef: {{name: root}}, matchOIDCIdentity: [{IDENTITY}]}}")
    root = secret("root", trusted_root__json=json.dumps(trusted(**without)).encode())
    assert said(load_text(verify, root), artifact(stored), PUBLIC)[0] is expected


def trusted(*, tlogs: bool = True, tsa: bool = True) -> dict[str, object]:
    document = STACK.trusted_root(tlogs=tlogs)
    return document if tsa else {**document, "timestampAuthorities": []}


def test_keys_beside_a_trusted_root_leave_no_log_out() -> None:
    payload = simple_signing(SCENE.digest, "ghcr.io/acme/shop", None)
    logged = sig_layer(STACK.seal_with_key(KEY, payload, at=SCENE.at))
    keys = secret("keys", own__pub=pem(KEY.public_key()))
    root = secret("root", trusted_root__json=json.dumps(trusted(tsa=False)).encode())
    loaded = load_text(repository("{secretRef: {name: keys}, trustedRootSecretRef: {name: root}}"), keys, root)
    assert said(loaded, artifact(logged), PUBLIC)[0] is PASS
    assert said(loaded, artifact(KEYED), PUBLIC)[0] is UNKNOWN  # it would ask the log


def test_a_chart_has_no_trusted_root() -> None:
    chart = repository(f"{{trustedRootSecretRef: {{name: root}}, matchOIDCIdentity: [{IDENTITY}]}}")
    root = secret("root", trusted_root__json=json.dumps(SCENE.stranger.trusted_root()).encode())
    loaded = load_text(chart.replace("OCIRepository", "HelmChart"), root)
    own = Resource("HelmChart", OWN.api_version, OWN.name, OWN.namespace)
    assert said(loaded, artifact(STRANGER, resource=own), PUBLIC)[0] is UNKNOWN


def test_it_judges_its_own_artifact_only() -> None:
    loaded = load_text(repository(f"{{matchOIDCIdentity: [{IDENTITY}]}}"))
    assert said(loaded, artifact(SIG, resource=Resource("Pod", "v1", "app", "flux-system")), PUBLIC)[0] is SKIP


def test_a_listing_that_failed_is_not_unsigned() -> None:
    loaded = load_text(repository(f"{{matchOIDCIdentity: [{IDENTITY}]}}"))
    denied = Fault(FaultKind.DENIED, "403")
    for form in (Form.SIG, Form.BUNDLE):
        assert said(loaded, artifact(listing=Listing((), (Unreadable(form, denied),))), PUBLIC)[0] is UNKNOWN
    assert said(loaded, artifact(listing=Listing((), (Unreadable(Form.ATT, denied),))), PUBLIC)[0] is FAIL


def test_charts_of_oci_repositories_are_uses() -> None:
    text = """apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: charts, namespace: flux-system}
spec: {type: oci, url: oci://ghcr.io/acme/charts}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: apps}
spec:
  chart:
    spec:
      chart: shop
      version: VERSION
      sourceRef: {kind: HelmRepository, name: charts, namespace: flux-system}
      verify: {provider: cosign}
"""
    for version, reference in (("1.2.3", "ghcr.io/acme/charts/shop:1.2.3"), ("1.x", "ghcr.io/acme/charts/shop:${1.x}")):
        tree = MemoryTree({"a.yaml": text.replace("VERSION", version).encode()}, "test")
        (use,) = chart_uses(find_policies(tree).objects)
        assert (use.reference, use.sort, use.place.line) == (reference, Sort.CHART, 13)
