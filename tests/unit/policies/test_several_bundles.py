"""Bundles that an engine passes over, or that keep it from the rest: no policy may take an image because of them."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Form
from auditor.model.reference import Digest
from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Containers, Resource
from auditor.registry.material import BundleBytes, Listing, Material
from auditor.signatures.root import Root
from fixtures.sigstore import bundle, github, sig_layer
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.stack import REKOR_V2
from tests.support.policies import image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, UNKNOWN = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
WHO = SCENE.claimant
PUBLIC: Root = made_root(SCENE.stack, "public-good")
V3 = "application/vnd.dev.sigstore.bundle.v0.3+json"
ISSUER = "https://token.actions.githubusercontent.com"
POD = Resource("Pod", "v1", "web", "prod", (), "app", frozenset({Containers.NORMAL}))
CLASSIC = as_material(sig_layer(SCENE.stack.sign(SCENE.digest, WHO, SCENE.at)))
CLUSTER_POLICY = f"""
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: signed}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: signed
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    verifyImages:
    - imageReferences: ['*']
      type: SigstoreBundle
      mutateDigest: false
      verifyDigest: false
      required: false
      attestors:
      - entries:
        - keyless: {{issuer: '{ISSUER}', subject: '{WHO.subject}', rekor: {{url: 'https://rekor.sigstore.dev'}}}}
"""
VALIDATING = f"""
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {{name: signed}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}}]
  attestors:
  - name: a
    cosign: {{keyless: {{identities: [{{issuer: '{ISSUER}', subject: '{WHO.subject}'}}]}}}}
  validations:
  - expression: images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)
"""


def layer(who: object = WHO, *, position: int = 0, layers: int = 1) -> BundleBytes:
    made = as_material(bundle(SCENE.stack.attest(SCENE.digest, who, SCENE.at, REKOR_V2)))  # type: ignore[arg-type]
    assert isinstance(made, BundleBytes)
    return replace(made, artifact_type=V3, media_type=V3, position=position, layers=layers)


def of_two(first: object, second: object) -> tuple[Material, ...]:
    return layer(first, layers=2), layer(second, position=1, layers=2)


RIGHT, WRONG = WHO, github("stranger/shop")


@pytest.mark.parametrize(
    ("materials", "kyverno", "cosign"),
    [
        ((layer(),), PASS, PASS),
        ((layer(WRONG),), FAIL, FAIL),
        (of_two(RIGHT, WRONG), PASS, FAIL),
        (of_two(WRONG, RIGHT), FAIL, FAIL),
        ((*of_two(WRONG, RIGHT), CLASSIC), FAIL, PASS),  # cosign's library sees no bundle then
        ((*of_two(WRONG, RIGHT), layer()), PASS, PASS),
        ((layer(WRONG), CLASSIC), FAIL, FAIL),
    ],
    ids=[
        "right",
        "wrong",
        "right-first",
        "wrong-first",
        "wrong-first-and-classic",
        "and-one-more",
        "wrong-and-classic",
    ],
)
def test_layers(materials: tuple[Material, ...], kyverno: PolicyVerdict, cosign: PolicyVerdict) -> None:
    image = image_of("ghcr.io/acme/shop:1.0", listing=Listing(materials, referrers=1), resources=(POD,))
    assert said(load_text(CLUSTER_POLICY), image, PUBLIC)[0] is kyverno
    assert said(load_text(VALIDATING), image, PUBLIC)[0] is cosign


def test_what_is_listed_as_a_bundle_and_begins_with_something_else_spoils_all_for_kyverno() -> None:
    listing = Listing((layer(),), referrers=2, headless=1)
    image = image_of("ghcr.io/acme/shop:1.0", listing=listing, resources=(POD,))
    assert said(load_text(CLUSTER_POLICY), image, PUBLIC)[0] is FAIL
    assert said(load_text(VALIDATING), image, PUBLIC)[0] is PASS


def test_a_bundle_of_a_message_keeps_the_classic_signature_from_counting() -> None:
    content = json.dumps({"mediaType": V3, "messageSignature": {}}).encode()
    mute = BundleBytes(content, Digest.of(content), Form.BUNDLE, V3, media_type=V3)
    image = image_of("ghcr.io/acme/shop:1.0", listing=Listing((mute, CLASSIC), referrers=1), resources=(POD,))
    assert said(load_text(VALIDATING), image, PUBLIC)[0] is UNKNOWN
