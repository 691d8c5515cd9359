"""Fields of an ImageValidatingPolicy that decide, one row each; and what is remembered between images."""

from __future__ import annotations

import json

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Containers, Resource
from auditor.policies.kyverno.evaluation import asks_signers_alone
from auditor.policies.proofs import Proofs
from auditor.signatures.root import Root
from fixtures.sigstore import github, sig_layer
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from tests.support.policies import NOW, image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
UNKNOWN = PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
STACK = SCENE.stack
WHO = SCENE.claimant
PUBLIC: Root = made_root(STACK, "public-good")
IMAGE = "ghcr.io/acme/shop:1.0"
IDENTITY = f"{{issuer: '{WHO.issuer}', subject: '{WHO.subject}'}}"
SIGNED = "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)"
SIG = sig_layer(STACK.sign(SCENE.digest, WHO, SCENE.at))
OTHER = sig_layer(STACK.sign(SCENE.digest, github("stranger/shop"), SCENE.at))
POD = Resource("Pod", "v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.NORMAL}))
INIT = Resource("Pod", "v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.INIT}))


def policy(
    *validations: str, cosign: str = "", keyless: str = "", spec: str = "", attestors: str = "", version: str = "v1"
) -> str:
    one = f"{{name: a, cosign: {{keyless: {{identities: [{IDENTITY}]{keyless}}}{cosign}}}}}"
    lines = [
        f"apiVersion: policies.kyverno.io/{version}",
        "kind: ImageValidatingPolicy",
        "metadata: {name: signed}",
        "spec:",
        "  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}",
        f"  attestors: [{one}{attestors}]",
        *(f"  {line}" for line in spec.splitlines()),
        "  validations:",
        *(f"  - {{expression: {json.dumps(each)}}}" for each in validations or (SIGNED,)),
    ]
    return "\n".join(lines) + "\n"


def verdict(text: str, *stored: Stored, resource: Resource = POD, image: str = IMAGE) -> PolicyVerdict:
    return said(load_text(text), image_of(image, stored, resources=(resource,)), PUBLIC)[0]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_every_version_of_the_kind(version: str) -> None:
    assert verdict(policy(version=version), SIG) is PASS
    assert verdict(policy(version=version), OTHER) is FAIL


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("evaluation: {mode: JSON}", UNKNOWN),
        ("evaluation: {admission: {enabled: false}}", SKIP),
        ("evaluation: {background: {enabled: false}}", FAIL),
        ("images: [{name: steps, expression: 'object.spec.steps.map(s, s.image)'}]", UNKNOWN),
        ("failurePolicy: Ignore", FAIL),
        ("validationActions: [Audit]", WARN),
        ("validationActions: [Warn]", WARN),
        ("validationActions: [Deny, Audit]", FAIL),
        ("matchImageReferences: [{expression: \"ref.startsWith('ghcr.io/other')\"}]", SKIP),
        ("matchImageReferences: [{expression: \"image(ref).registry() == 'ghcr.io'\"}]", FAIL),
        ("matchImageReferences: [{glob: 'docker.io/*'}, {glob: 'ghcr.io/acme/{shop,api}:*'}]", FAIL),
        ("matchConditions: [{name: a, expression: \"object.metadata.namespace == 'prod'\"}]", FAIL),
        ("matchConditions: [{name: a, expression: \"object.metadata.namespace == 'test'\"}]", SKIP),
        ("matchConditions: [{name: a, expression: \"request.userInfo.username == 'ci'\"}]", UNKNOWN),
        ("variables: [{name: ok, expression: 'size(images.containers) == 1'}]", FAIL),
    ],
)
def test_fields_of_the_policy(spec: str, expected: PolicyVerdict) -> None:
    """Of an image that a stranger has signed; where it would be refused, one by the right signer is let in."""
    assert verdict(policy(spec=spec), OTHER) is expected
    if expected in {FAIL, WARN}:
        assert verdict(policy(spec=spec), SIG) is PASS


@pytest.mark.parametrize(
    ("cosign", "keyless", "expected"),
    [
        (", source: {tagPrefix: prod-}", "", UNKNOWN),
        (", trustedRoot: {expression: 'variables.root'}", "", UNKNOWN),
        (", tuf: {mirror: https://tuf.acme.example}", "", UNKNOWN),
        (", annotations: {stage: prod}", "", FAIL),
        (", ctlog: {url: https://rekor.sigstore.dev}", "", PASS),
        # Kyverno does not read it (`policy-ignored-field` tells).
        ("", ", additionalExtensions: {githubWorkflowTrigger: schedule}", PASS),
    ],
)
def test_fields_of_an_attestor(cosign: str, keyless: str, expected: PolicyVerdict) -> None:
    assert verdict(policy(cosign=cosign, keyless=keyless), SIG) is expected
    assert verdict(policy(cosign=cosign, keyless=keyless), OTHER) is not PASS


@pytest.mark.parametrize(
    ("attestor", "words"),
    [
        ("cosign: {key: {data: nothing}}", "PEM"),
        ("cosign: {keyless: {identities: [{issuer: x, subject: x}], roots: nothing}}", "PEM"),
        (
            "cosign: {keyless: {identities: [{issuer: x, subject: x}]}, ctlog: {url: https://x, rekorPubKey: nothing}}",
            "PEM",
        ),
        ("cosign: {}", "exactly one"),
        ("other: {}", "`cosign` or `notary`"),
    ],
)
def test_a_mistake_in_an_attestor_that_is_not_even_asked(attestor: str, words: str) -> None:
    loaded = load_text(policy(attestors=f", {{name: b, {attestor}}}"))
    assert any(words in each.message and each.place.line == 6 for each in loaded.mistakes), loaded.mistakes
    assert said(loaded, image_of(IMAGE, [SIG], resources=(POD,)), PUBLIC)[0] is UNKNOWN


# ── what is remembered ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("expression", "alone"),
    [
        (SIGNED, True),
        ("images.initContainers.all(image, verifyImageSignatures(image, [attestors.a, attestors.b]) == 2)", True),
        (f"{SIGNED} && {SIGNED.replace('containers', 'initContainers')}", True),
        (f"{SIGNED} || true", False),
        (f"{SIGNED} && object.metadata.namespace == 'prod'", False),
        ("images.containers.all(i, i.startsWith('ghcr.io') && verifyImageSignatures(i, [attestors.a]) > 0)", False),
        ("images.containers.all(i, verifyImageSignatures(i, [attestors.a]) > size(i))", False),
        ("images.containers.exists(i, verifyImageSignatures(i, [attestors.a]) > 0)", False),
        ("images.containers.filter(i, i == 'x').map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)", False),
        ("true", False),
    ],
)
def test_which_expressions_look_at_signatures_alone(expression: str, alone: bool) -> None:
    assert asks_signers_alone(expression) is alone


@pytest.mark.parametrize("expression", [SIGNED, f"{SIGNED} || object.metadata.name == 'never'"], ids=["usual", "other"])
def test_images_do_not_get_each_others_verdict(expression: str) -> None:
    """One set of policies over many images, as in a run: what one image has is never another's."""
    (policy_,) = load_text(policy(expression)).policies
    proofs = Proofs(PUBLIC, NOW)
    signed, strange, bare = image_of(IMAGE, [SIG]), image_of("ghcr.io/acme/b:1", [OTHER]), image_of("ghcr.io/acme/c:1")
    for _ in range(2):
        found = [policy_.rule(each, POD, proofs).verdict for each in (signed, strange, bare, signed)]
        assert found == [PASS, FAIL, FAIL, PASS]
    # In another list of the pod nothing is verified, which `required` does not take for a pass.
    assert policy_.rule(signed, INIT, proofs).verdict is not PASS
    assert policy_.rule(signed, POD, proofs).verdict is PASS
