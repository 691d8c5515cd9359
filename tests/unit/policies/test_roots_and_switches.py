"""Fields that choose the trust, or loosen it, engine by engine: each with what it lets in, and the attack that stays out.

`ca-cert`, TrustRoot `remote` and `repository`, and `fetchConfigFile` of ClusterImagePolicy; `ignoreSCT` of Kyverno's
ClusterPolicy, `insecureIgnoreSCT` of ImageValidatingPolicy and ClusterImagePolicy, `verifySCT` of Connaisseur.
"""

from __future__ import annotations

import base64
import json
import textwrap
from typing import Protocol

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Containers, Resource
from auditor.signatures.root import Root
from fixtures.sigstore import Profile, github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.stack import Ceremony
from fixtures.sigstore.statements import simple_signing
from tests.support.policies import image_of, load_text, said, trust_root
from tests.support.signatures import made_root

PASS, FAIL, UNKNOWN = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.NOT_EVALUABLE
ISSUER = "https://token.actions.githubusercontent.com"
IMAGE = "ghcr.io/acme/shop:1.0"
SCENE = Scene()
STACK = SCENE.stack
WHO = SCENE.claimant
PUBLIC: Root = made_root(STACK, "public-good")
POD = Resource("Pod", "v1", "web", "prod", (), "app", frozenset({Containers.NORMAL}))
IDENTITIES = f"identities: [{{issuer: '{ISSUER}', subject: '{WHO.subject}'}}]"
KEY = derive("acme", "switch key")
KEYED = sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/shop", None)))
NO_SCT = Ceremony(profile=Profile(scts=lambda _: ()))
BROKEN_SCT = Ceremony(profile=Profile(scts=lambda sct: (sct[:-1] + bytes([sct[-1] ^ 1]),)))


def signed(ceremony: Ceremony | None = None, *, by: str = "acme/shop", stranger: bool = False) -> Stored:
    stack = SCENE.stranger if stranger else STACK
    who = WHO if by == "acme/shop" else github(by)
    return sig_layer(stack.sign(SCENE.digest, who, SCENE.at, *((ceremony,) if ceremony else ())))


def answer(*texts: str, stored: Stored | None, root: Root | None = PUBLIC) -> tuple[PolicyVerdict, str]:
    image = image_of(IMAGE, [stored] if stored else [], resources=(POD,))
    return said(load_text(*texts), image, root)


def cip(authority: str, more: str = "") -> str:
    head = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: signed}\nspec:\n"
    return f"{head}  images: [{{glob: '**'}}]\n{textwrap.indent(more, '  ')}  authorities:\n  - {authority}\n"


# ── certificates of one's own: ca-cert ───────────────────────────────────────────────────────────────────────────────────

CA_CERT = "ca-cert: {secretRef: {name: ca}}"
CA_DATA = f"ca-cert: {{data: {json.dumps(STACK.pem_files()['fulcio'].decode())}}}"


@pytest.mark.parametrize("field", [CA_CERT, CA_DATA], ids=["secret", "data"])
@pytest.mark.parametrize(
    "more", ["", ", trustRootRef: private", ", insecureIgnoreSCT: true"], ids=["bare", "root", "lax"]
)
@pytest.mark.parametrize("stranger", [False, True])
def test_with_ca_cert_alone_the_controller_takes_nobody(field: str, more: str, stranger: bool) -> None:
    policy = cip(f"keyless: {{{field}, {IDENTITIES}{more}}}")
    verdict, why = answer(policy, trust_root(STACK), stored=signed(stranger=stranger))
    assert verdict is FAIL
    assert "no Keyless URL specified" in why


def test_ca_cert_beside_a_url_is_refused_at_its_field() -> None:
    text = cip(f"keyless: {{url: 'https://fulcio.acme.example', {CA_CERT}, {IDENTITIES}}}")
    (mistake,) = load_text(text).mistakes
    assert mistake.place.key_path == "spec.authorities[0].keyless.ca-cert"
    assert answer(text, stored=signed())[0] is UNKNOWN


def test_another_spelling_is_another_field() -> None:
    # The controller's type has `ca-cert` alone: what is called caCert does not exist for it, and the public root counts.
    assert answer(cip(f"keyless: {{caCert: {{data: x}}, {IDENTITIES}}}"), stored=signed())[0] is PASS
    assert answer(cip(f"keyless: {{caCert: {{data: x}}, {IDENTITIES}}}"), stored=signed(stranger=True))[0] is FAIL


def test_a_secret_of_another_namespace_is_not_read() -> None:
    data = base64.b64encode(pem(KEY.public_key())).decode()
    for namespace, expected in (("cosign-system", PASS), ("shop", UNKNOWN)):
        held = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: {namespace}}}\ndata: {{k: {data}}}\n"
        policy = cip(f"key: {{secretRef: {{name: keys, namespace: {namespace}}}}}")
        assert answer(policy, held, stored=KEYED)[0] is expected
        assert answer(policy, held, stored=signed())[0] is (FAIL if expected is PASS else UNKNOWN)


# ── TrustRoots that are TUF repositories ─────────────────────────────────────────────────────────────────────────────────


def tuf_root(spec: str) -> str:
    return f"apiVersion: policy.sigstore.dev/v1alpha1\nkind: TrustRoot\nmetadata: {{name: private}}\nspec: {spec}\n"


REMOTE = tuf_root("{remote: {root: cm9vdA==, mirror: 'https://tuf.acme.example', targets: targets}}")
REPOSITORY = tuf_root("{repository: {root: cm9vdA==, mirrorFS: cm9vdA==, targets: targets}}")


@pytest.mark.parametrize(
    ("root", "kind"), [(REMOTE, "remote"), (REPOSITORY, "repository")], ids=["remote", "repository"]
)
@pytest.mark.parametrize(
    "rest",
    [
        f"keyless: {{{IDENTITIES}, trustRootRef: private}}",
        f"keyless: {{{IDENTITIES}, trustRootRef: private}}\n    ctlog: {{trustRootRef: private}}",
        f"keyless: {{{IDENTITIES}}}\n    ctlog: {{trustRootRef: private}}",
        f"keyless: {{{IDENTITIES}}}\n    rfc3161timestamp: {{trustRootRef: private}}",
    ],
    ids=["keyless", "keyless-and-log", "log", "stamps"],
)
def test_what_a_tuf_repository_holds_is_not_guessed(root: str, kind: str, rest: str) -> None:
    for stored in (signed(), signed(stranger=True), None):
        verdict, why = answer(root, cip(rest), stored=stored)
        assert verdict is UNKNOWN
        assert f"TUF repository ({kind})" in why


def test_a_trust_root_is_one_of_three() -> None:
    both = tuf_root("{remote: {root: cm9vdA==, mirror: 'https://x'}, repository: {root: cm9vdA==}}")
    for root in (both, tuf_root("{}")):
        loaded = load_text(root, cip(f"keyless: {{{IDENTITIES}, trustRootRef: private}}"))
        assert any("remote, repository, sigstoreKeys" in str(each) for each in loaded.mistakes)
        assert said(loaded, image_of(IMAGE, [signed()], resources=(POD,)), PUBLIC)[0] is UNKNOWN


# ── what a policy over all authorities is given ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", ["fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta"])
def test_a_policy_that_is_given_more_than_we_have_is_not_evaluated(field: str) -> None:
    script = "policy:\n  type: rego\n  %s: %s\n  data: |\n    package sigstore\n    isCompliant { %s }\n"
    authority = f"keyless: {{{IDENTITIES}}}"
    verdict, why = answer(cip(authority, script % (field, "true", "true")), stored=signed())
    assert verdict is UNKNOWN
    assert field in why
    assert answer(cip(authority, script % (field, "true", "true")), stored=None)[0] is FAIL  # no authority is content
    assert answer(cip(authority, script % (field, "true", "true")), stored=signed(stranger=True))[0] is FAIL
    assert answer(cip(authority, script % (field, "false", "true")), stored=signed())[0] is PASS
    assert answer(cip(authority, script % (field, "false", "false")), stored=signed())[0] is FAIL


# ── certificates that no CT log has seen ─────────────────────────────────────────────────────────────────────────────────


class Policy(Protocol):
    """Makes the policy, with the switch or without."""

    def __call__(self, *, lax: bool) -> str: ...


def cluster_policy(*, lax: bool) -> str:
    ctlog = ", ctlog: {ignoreSCT: true}" if lax else ""
    keyless = f"{{issuer: '{ISSUER}', subject: '{WHO.subject}', rekor: {{url: 'https://rekor.sigstore.dev'}}{ctlog}}}"
    return (
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: signed}\nspec:\n"
        "  validationFailureAction: Enforce\n  rules:\n  - name: signed\n"
        "    match: {any: [{resources: {kinds: [Pod]}}]}\n    verifyImages:\n"
        "    - {imageReferences: ['*'], mutateDigest: false, verifyDigest: false, required: false,"
        f" attestors: [{{entries: [{{keyless: {keyless}}}]}}]}}\n"
    )


def validating_policy(*, lax: bool) -> str:
    ctlog = ", ctlog: {url: 'https://rekor.sigstore.dev', insecureIgnoreSCT: true}" if lax else ""
    expression = json.dumps("images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)")
    rules = "[{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]"
    return (
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {name: signed}\nspec:\n"
        f"  matchConstraints: {{resourceRules: {rules}}}\n"
        f"  attestors: [{{name: a, cosign: {{keyless: {{{IDENTITIES}}}{ctlog}}}}}]\n"
        f"  validations: [{{expression: {expression}}}]\n"
    )


def cluster_image_policy(*, lax: bool) -> str:
    return cip(f"keyless: {{{IDENTITIES}{', insecureIgnoreSCT: true' if lax else ''}}}")


def connaisseur(*, lax: bool) -> str:
    return (
        "application:\n  features: {}\n  validators:\n  - name: default\n    type: cosign\n    trustRoots:\n"
        f"    - {{name: default, keyless: {{issuer: '{ISSUER}', subject: '{WHO.subject}'}}}}\n"
        f"  policy:\n  - {{pattern: '*:*', with: {{verifySCT: {'false' if lax else 'true'}}}}}\n"
    )


@pytest.mark.parametrize(
    "policy",
    [cluster_policy, validating_policy, cluster_image_policy, connaisseur],
    ids=["cluster-policy", "image-validating-policy", "cluster-image-policy", "connaisseur"],
)
class TestCertificateTransparency:
    """The switch lets in what lacks an SCT, or has a damaged one, and nothing else."""

    @pytest.mark.parametrize("ceremony", [NO_SCT, BROKEN_SCT], ids=["none", "damaged"])
    def test_it_decides_about_certificates_that_no_log_has_seen(self, policy: Policy, ceremony: Ceremony) -> None:
        assert answer(policy(lax=False), stored=signed(ceremony))[0] is FAIL
        assert answer(policy(lax=True), stored=signed(ceremony))[0] is PASS

    def test_it_decides_about_nothing_else(self, policy: Policy) -> None:
        for lax in (False, True):
            assert answer(policy(lax=lax), stored=signed())[0] is PASS
            for ceremony in (None, NO_SCT):
                assert answer(policy(lax=lax), stored=signed(ceremony, by="acme/other"))[0] is FAIL
                assert answer(policy(lax=lax), stored=signed(ceremony, stranger=True))[0] is FAIL
            assert answer(policy(lax=lax), stored=None)[0] is FAIL
