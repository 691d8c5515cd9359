"""`messageExpression` of an ImageValidatingPolicy: it words a refusal, and decides nothing."""

from __future__ import annotations

import json

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Containers, Resource
from auditor.signatures.root import Root
from fixtures.sigstore import github, sig_layer
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from tests.support.policies import image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, UNKNOWN = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
WHO = SCENE.claimant
PUBLIC: Root = made_root(SCENE.stack, "public-good")
IMAGE = "ghcr.io/acme/shop:1.0"
POD = Resource("Pod", "v1", "web", "prod", (), "app", frozenset({Containers.NORMAL}))
SIGNED = "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)"
GOOD = sig_layer(SCENE.stack.sign(SCENE.digest, WHO, SCENE.at))
OTHER = sig_layer(SCENE.stack.sign(SCENE.digest, github("stranger/shop"), SCENE.at))


def policy(message: str | None, *, validations: bool = True) -> str:
    shown = f", messageExpression: {json.dumps(message)}" if message is not None else ""
    issuer = "https://token.actions.githubusercontent.com"
    identity = f"{{issuer: '{issuer}', subject: '{WHO.subject}'}}"
    entries = f"[{{expression: {json.dumps(SIGNED)}, message: 'as written'{shown}}}]" if validations else "[]"
    return "\n".join(
        (
            "apiVersion: policies.kyverno.io/v1",
            "kind: ImageValidatingPolicy",
            "metadata: {name: signed}",
            "spec:",
            "  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}",
            f"  attestors: [{{name: a, cosign: {{keyless: {{identities: [{identity}]}}}}}}]",
            f"  validations: {entries}",
            "",
        )
    )


def answer(text: str, *stored: Stored, image: str = IMAGE) -> tuple[PolicyVerdict, str]:
    return said(load_text(text), image_of(image, stored, resources=(POD,)), PUBLIC)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("'nobody signed ' + images.containers[0]", f"nobody signed {IMAGE}"),
        ("'held by ' + string(size(images.containers))", "held by 1"),
        ("string(verifyImageSignatures(images.containers[0], [attestors.a])) + ' signed'", "0 signed"),
        (None, "as written"),
        ("oldObject.metadata.name", "its message could not be evaluated here"),
    ],
)
def test_it_words_the_refusal(message: str | None, shown: str) -> None:
    for stored in ((), (OTHER,)):
        verdict, why = answer(policy(message), *stored)
        assert verdict is FAIL
        assert why.startswith(shown)
        assert message is None or "as written" not in why


def test_each_image_has_words_of_its_own() -> None:
    loaded = load_text(policy("'nobody signed ' + images.containers[0]"))
    for image in (IMAGE, "ghcr.io/acme/cart:2.0"):
        assert said(loaded, image_of(image, (), resources=(POD,)), PUBLIC)[1].startswith(f"nobody signed {image}")


@pytest.mark.parametrize("message", ["'fine'", "oldObject.metadata.name", "string(images.containers[7])"])
def test_it_turns_nothing_into_a_pass_or_a_failure(message: str) -> None:
    assert answer(policy(message), GOOD)[0] is PASS
    assert answer(policy(message), OTHER)[0] is FAIL
    assert answer(policy(message))[0] is FAIL


@pytest.mark.parametrize(
    ("message", "words"),
    [("'nobody", "not CEL"), ("1 + 1", "of type string"), ("true", "of type string"), ("['a']", "of type string")],
)
def test_one_that_kyverno_would_not_compile_makes_the_policy_unreadable(message: str, words: str) -> None:
    loaded = load_text(policy(message))
    (mistake,) = loaded.mistakes
    assert words in str(mistake)
    assert mistake.place.key_path.endswith("validations[0].messageExpression")
    assert said(loaded, image_of(IMAGE, (GOOD,), resources=(POD,)), PUBLIC)[0] is UNKNOWN


def test_without_validations_the_digest_is_pinned_and_still_nothing_has_verified_the_image() -> None:
    verdict, why = answer(policy(None, validations=False), GOOD)
    assert verdict is UNKNOWN
    assert "nothing in this policy verifies it" in why
