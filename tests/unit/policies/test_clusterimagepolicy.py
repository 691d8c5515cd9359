"""ClusterImagePolicy: what policy-controller would say, on signatures that really verify."""

from __future__ import annotations

import base64
import json
import textwrap

import pytest

from auditor.model.evidence import Evidence, Fault, FaultKind, Form, Unreadable
from auditor.model.reference import Reference
from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Inspected, Resource
from auditor.registry.material import Listing
from auditor.signatures.root import Root
from fixtures.sigstore import Sigstore, bundle, github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored, att_layer
from fixtures.sigstore.stack import REKOR_V2, TIMESTAMP_ONLY, TIMESTAMP_ONLY_ENVELOPE
from fixtures.sigstore.statements import CYCLONEDX, SLSA_PROVENANCE, simple_signing
from tests.support.policies import DIGEST, image_of, judgments, load_text, said, trust_root
from tests.support.signatures import made_root

PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
UNKNOWN = PolicyVerdict.NOT_EVALUABLE
ISSUER = "https://token.actions.githubusercontent.com"
IMAGE = "ghcr.io/acme/shop:1.0"
SCENE = Scene()
STACK = SCENE.stack
WHO = SCENE.claimant
PUBLIC: Root = made_root(STACK, "public-good")


def cip(authorities: str, *, glob: str = "ghcr.io/acme/**", more: str = "") -> str:
    return (
        textwrap.dedent(
            """
        apiVersion: policy.sigstore.dev/v1beta1
        kind: ClusterImagePolicy
        metadata: {name: signed}
        spec:
          images: [{glob: "%s"}]
        """
        )
        % glob
        + textwrap.indent(textwrap.dedent(more), "  ")
        + "  authorities:\n"
        + textwrap.indent(textwrap.dedent(authorities), "  ")
    )


def keyless(subject: str = WHO.subject, issuer: str = ISSUER, more: str = "", rest: str = "") -> str:
    return f"- keyless: {{identities: [{{issuer: '{issuer}', subject: '{subject}'}}]{more}}}\n{rest}"


def sig(ceremony: object = None, stack: Sigstore = STACK) -> Stored:
    arguments = (SCENE.digest, WHO, SCENE.at)
    return sig_layer(stack.sign(*arguments) if ceremony is None else stack.sign(*arguments, ceremony))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("authorities", "stored", "expected"),
    [
        (keyless(), [sig()], PASS),
        (keyless(), [], FAIL),
        (keyless(subject=WHO.subject[:-1]), [sig()], FAIL),
        (keyless(issuer="https://issuer.acme.example"), [sig()], FAIL),
        (keyless(subject=WHO.subject[:-5] + "*"), [sig()], FAIL),
        (keyless(), [bundle(STACK.attest(SCENE.digest, WHO, SCENE.at))], FAIL),
        (keyless(), [sig(stack=SCENE.stranger)], FAIL),
        (keyless(), [sig(stack=SCENE.stranger), sig()], PASS),
        ("- static: {action: pass}", [], PASS),
        ("- static: {action: fail, message: not yet}", [sig()], FAIL),
        (keyless("somebody else") + keyless(), [sig()], PASS),
        (keyless() + "- static: {action: fail}", [sig()], PASS),
    ],
)
def test_one_authority_suffices(authorities: str, stored: list[Stored], expected: PolicyVerdict) -> None:
    assert said(load_text(cip(authorities)), image_of(IMAGE, stored), PUBLIC)[0] is expected


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("issuerRegExp: 'token\\.actions', subjectRegExp: 'acme'", PASS),
        ("issuerRegExp: '^token', subjectRegExp: 'acme'", FAIL),
        ("issuerRegExp: '.*', subjectRegExp: '^https://github.com/acme/shop$'", FAIL),
        ("issuer: 'https://token.actions.githubusercontent.com', subjectRegExp: '(?i)GITHUB'", PASS),
    ],
)
def test_regular_expressions_match_anywhere(identity: str, expected: PolicyVerdict) -> None:
    loaded = load_text(cip(f"- keyless: {{identities: [{{{identity}}}]}}"))
    assert said(loaded, image_of(IMAGE, [sig()]), PUBLIC)[0] is expected


@pytest.mark.parametrize(
    ("glob", "image", "expected"),
    [
        ("ghcr.io/acme/*", IMAGE, PASS),
        ("ghcr.io/acme/shop*", IMAGE, PASS),
        ("ghcr.io/acme/shop:*", IMAGE, SKIP),
        ("ghcr.io/*", IMAGE, SKIP),
        ("docker.io/**", "nginx", SKIP),
        ("index.docker.io/library/*", "nginx", PASS),
        ("*", "nginx:1.27", PASS),
        ("*", "acme/shop", SKIP),
        ("*/*", "acme/shop", PASS),
        ("**", "acme/shop", PASS),
    ],
)
def test_globs_see_the_pinned_name(glob: str, image: str, expected: PolicyVerdict) -> None:
    assert said(load_text(cip("- static: {action: pass}", glob=glob)), image_of(image))[0] is expected


def test_warn_mode_warns_and_never_fails() -> None:
    loaded = load_text(cip(keyless(), more="mode: warn\n"))
    assert said(loaded, image_of(IMAGE), PUBLIC)[0] is WARN
    assert said(loaded, image_of(IMAGE, [sig()]), PUBLIC)[0] is PASS


def test_every_policy_that_matches_has_a_row_of_its_own() -> None:
    loaded = load_text(cip(keyless()), cip("- static: {action: fail}").replace("signed", "closed"))
    rows = judgments(loaded, image_of(IMAGE, [sig()]), PUBLIC)
    assert {each.policy.name: each.ruling.verdict for each in rows} == {
        "ClusterImagePolicy/signed": PASS,
        "ClusterImagePolicy/closed": FAIL,
    }


# ── roots, logs, time stamps ─────────────────────────────────────────────────────────────────────────────────────────────


REF = ", trustRootRef: private"
LOG = "  ctlog: {trustRootRef: private}\n"
STAMP = "  rfc3161timestamp: {trustRootRef: private}\n"


@pytest.mark.parametrize(
    ("more", "rest", "stored", "without", "expected"),
    [
        (REF, LOG, sig(), (), PASS),
        (REF, LOG, sig(stack=SCENE.stranger), (), FAIL),
        (REF, LOG, sig(), ("ctlog",), FAIL),
        (REF + ", insecureIgnoreSCT: true", LOG, sig(), ("ctlog",), PASS),
        (REF, LOG, sig(), ("rekor",), FAIL),
        (REF, STAMP, sig(TIMESTAMP_ONLY), (), PASS),
        (REF, STAMP, sig(), (), FAIL),
        (REF, STAMP, sig(TIMESTAMP_ONLY), ("tsa",), FAIL),
        (REF, "", sig(), (), FAIL),
        (REF, "", sig(TIMESTAMP_ONLY), (), FAIL),
        (REF, "  ctlog: {url: https://rekor.acme.example}\n", sig(), (), PASS),
        (", trustRootRef: elsewhere", LOG, sig(), (), UNKNOWN),
        ("", "  ctlog: {}\n", sig(TIMESTAMP_ONLY), (), FAIL),
        ("", "", sig(TIMESTAMP_ONLY), (), FAIL),
        ("", "  ctlog: {url: https://rekor.sigstore.dev}\n", sig(TIMESTAMP_ONLY), (), UNKNOWN),
    ],
)
def test_what_vouches_for_the_time(
    more: str, rest: str, stored: Stored, without: tuple[str, ...], expected: PolicyVerdict
) -> None:
    loaded = load_text(trust_root(STACK, without=without), cip(keyless(more=more, rest=rest)))
    assert said(loaded, image_of(IMAGE, [stored]), PUBLIC)[0] is expected


def test_the_public_root_is_not_trusted_beside_a_private_one() -> None:
    loaded = load_text(trust_root(SCENE.stranger), cip(keyless(more=REF, rest=LOG)))
    assert said(loaded, image_of(IMAGE, [sig()]), PUBLIC)[0] is FAIL
    assert said(loaded, image_of(IMAGE, [sig(stack=SCENE.stranger)]), PUBLIC)[0] is PASS


def test_without_the_public_root_nobody_can_tell() -> None:
    assert said(load_text(cip(keyless())), image_of(IMAGE, [sig()]))[0] is UNKNOWN


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

KEY = derive("acme", "key")
OTHER_KEY = derive("acme", "other key")
KEY_SIGNED = sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/shop", None)))


def key_data(*keys: bytes) -> str:
    return "- key:\n    data: |\n" + textwrap.indent(b"".join(keys).decode(), "      ")


def secret(*values: bytes, namespace: str = "cosign-system") -> str:
    data = {f"k{number}": base64.b64encode(value).decode() for number, value in enumerate(values)}
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: {namespace}}}\ndata: {json.dumps(data)}\n"


OWN, OTHER = pem(KEY.public_key()), pem(OTHER_KEY.public_key())


@pytest.mark.parametrize(
    ("authority", "secrets", "expected"),
    [
        (key_data(OWN), "", PASS),
        (key_data(OTHER), "", FAIL),
        (key_data(OTHER, OWN), "", FAIL),  # the controller reads the first key alone
        (key_data(OWN, OTHER), "", PASS),
        (key_data(OWN) + "  ctlog: {url: https://rekor.sigstore.dev}\n", "", UNKNOWN),
        ("- key: {secretRef: {name: keys}}", secret(OWN), PASS),
        ("- key: {secretRef: {name: keys}}", secret(OTHER), FAIL),
        ("- key: {secretRef: {name: keys}}", secret(OWN, OTHER), UNKNOWN),
        ("- key: {secretRef: {name: keys}}", secret(OWN, namespace="other"), UNKNOWN),
        ("- key: {secretRef: {name: keys}}", "", UNKNOWN),
        ("- key: {kms: 'awskms:///arn:aws:kms:us-east-1:1:key/x'}", "", UNKNOWN),
    ],
)
def test_keys(authority: str, secrets: str, expected: PolicyVerdict) -> None:
    loaded = load_text(cip(authority), secrets)
    assert said(loaded, image_of(IMAGE, [KEY_SIGNED]), PUBLIC)[0] is expected


def test_a_certificate_is_no_key() -> None:
    assert said(load_text(cip(key_data(OWN))), image_of(IMAGE, [sig()]), PUBLIC)[0] is FAIL


# ── what could not be told ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_that_could_not_be_read_is_not_unsigned() -> None:
    denied = Fault(FaultKind.DENIED, "ghcr.io answered 403")
    loaded = load_text(cip(keyless()))
    unread = Listing((), (Unreadable(Form.SIG, denied),))
    assert said(loaded, image_of(IMAGE, listing=unread), PUBLIC)[0] is UNKNOWN
    assert said(loaded, image_of(IMAGE, listing=Listing((), (Unreadable(Form.BUNDLE, denied),))), PUBLIC)[0] is FAIL
    unresolved = Inspected(IMAGE, Reference.parse(IMAGE), Evidence(denied), None)
    assert said(loaded, unresolved, PUBLIC)[0] is UNKNOWN
    unasked = Inspected(IMAGE, Reference.parse(IMAGE), image_of(IMAGE).evidence, None)
    assert said(loaded, unasked, PUBLIC)[0] is UNKNOWN


def test_signatures_elsewhere_are_asked_for_and_not_guessed() -> None:
    loaded = load_text(cip(keyless(rest="  source: [{oci: ghcr.io/acme/signatures}]\n")))
    (policy,) = loaded.policies
    assert policy.repositories == {"ghcr.io/acme/signatures"}
    assert said(loaded, image_of(IMAGE, [sig()]), PUBLIC)[0] is UNKNOWN
    here = image_of(IMAGE, [sig()])
    there = Inspected(
        here.text,
        here.reference,
        here.evidence,
        Listing(),
        elsewhere={"ghcr.io/acme/signatures": here.listing or Listing()},
    )
    assert said(loaded, there, PUBLIC)[0] is PASS


@pytest.mark.parametrize(
    ("policy", "where"),
    [
        (cip(keyless(), glob="ghcr.io/acme/[a-z]"), "spec.images[0].glob"),
        (cip(keyless(), more="mode: enforced\n"), "spec.mode"),
        (cip("- keyless: {identities: []}"), "spec.authorities[0].keyless.identities"),
        (cip("- keyless: {identities: [{issuer: a}]}"), "spec.authorities[0].keyless.identities[0]"),
        (
            cip("- keyless: {identities: [{issuer: a, subjectRegExp: '(?=x)'}]}"),
            "spec.authorities[0].keyless.identities[0].subjectRegExp",
        ),
        (
            cip("- keyless: {identities: [{issuer: a, issuerRegExp: a, subject: b}]}"),
            "spec.authorities[0].keyless.identities[0].issuerRegExp",
        ),
        (cip("- key: {data: none}"), "spec.authorities[0].key.data"),
        (cip("- key: {}\n  static: {action: pass}"), "spec.authorities[0]"),
        (cip("- static: {action: allow}"), "spec.authorities[0].static.action"),
        (cip("- static: {action: pass}\n  ctlog: {url: a}"), "spec.authorities[0].ctlog"),
        (cip(keyless(rest="  signatureFormat: sbom\n")), "spec.authorities[0].signatureFormat"),
        (
            cip(keyless(rest="  signatureFormat: bundle\n  ctlog: {trustRootRef: other}\n")),
            "spec.authorities[0].signatureFormat",
        ),
        (cip(keyless(), more="match: [{resource: secrets, version: v1}]\n"), "spec.match[0].resource"),
        (cip(keyless(), more="match: [{selector: {matchLabels: {a: b}}}]\n"), "spec.match[0].selector"),
        (cip(keyless(), more="policy: {type: python, data: pass}\n"), "spec.policy.type"),
        (cip("[]").replace("  authorities:\n  []", "  authorities: []"), "spec.authorities"),
        (cip(keyless()).replace("v1beta1", "v7"), "kind"),
        (cip(keyless(subject="{{ .Values.subject }}")), "kind"),
    ],
)
def test_what_the_controller_refuses_judges_nothing(policy: str, where: str) -> None:
    loaded = load_text(policy)
    assert where in {mistake.place.key_path for mistake in loaded.mistakes}
    assert all(mistake.place.line for mistake in loaded.mistakes)
    verdict, why = said(loaded, image_of(IMAGE, [sig()]), PUBLIC)
    assert verdict is UNKNOWN
    assert "refuses" in why


# ── what is admitted ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("match", "resource", "expected"),
    [
        ("{resource: jobs, group: batch, version: v1}", Resource("Job", "batch/v1"), PASS),
        ("{resource: jobs, group: batch, version: '*'}", Resource("Job", "batch/v1beta1"), PASS),
        ("{resource: jobs, group: batch, version: v1}", Resource("Deployment", "apps/v1"), SKIP),
        ("{resource: pods, version: v1}", Resource("Deployment", "apps/v1"), PASS),
        ("{resource: pods, version: v1}", Resource("ConfigMap", "v1"), SKIP),
        (
            "{resource: pods, version: v1, selector: {matchLabels: {a: b}}}",
            Resource("Pod", "v1", labels=(("a", "b"),)),
            PASS,
        ),
        ("{resource: pods, version: v1, selector: {matchLabels: {a: b}}}", Resource("Pod", "v1"), SKIP),
        ("{resource: pods, version: v1, selector: {matchLabels: {a: b}}}", Resource("Deployment", "apps/v1"), UNKNOWN),
        (
            "{resource: pods, version: v1, selector: {matchExpressions: [{key: a, operator: NotIn, values: [b]}]}}",
            Resource("Pod", "v1"),
            PASS,
        ),
        ("{resource: pods}", Resource("Pod", "v1"), UNKNOWN),
        ("{resource: pods, version: v1}", Resource(named=False), PASS),
        ("{resource: jobs, group: batch, version: v1}", Resource(named=False), SKIP),
    ],
)
def test_match(match: str, resource: Resource, expected: PolicyVerdict) -> None:
    loaded = load_text(cip("- static: {action: pass}", more=f"match: [{match}]\n"))
    assert said(loaded, image_of(IMAGE, resources=(resource,)))[0] is expected


def test_no_match_policy_speaks_where_the_tree_holds_it() -> None:
    def config(action: str) -> str:
        return (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config-policy-controller, namespace: cosign-system}\n"
            f"data: {{no-match-policy: {action}}}\n"
        )

    for action, expected in (("deny", FAIL), ("warn", WARN), ("allow", PASS)):
        loaded = load_text(cip("- static: {action: pass}"), config(action))
        verdicts = {each.policy.name: each.ruling.verdict for each in judgments(loaded, image_of("quay.io/acme/x"))}
        assert verdicts == {"ClusterImagePolicy/signed": SKIP, "ConfigMap/config-policy-controller": expected}
        verdicts = {each.policy.name: each.ruling.verdict for each in judgments(loaded, image_of(IMAGE))}
        assert verdicts["ConfigMap/config-policy-controller"] is SKIP


# ── attestations and policies inside ─────────────────────────────────────────────────────────────────────────────────────

SBOM = att_layer(
    STACK.attest(SCENE.digest, WHO, SCENE.at, predicate_type=CYCLONEDX, predicate={"version": 3, "components": []})
)
COMPLIANT = """
    policy:
      type: rego
      data: |
        package sigstore
        isCompliant { input.predicate.version == %d }
"""


@pytest.mark.parametrize(
    ("rest", "stored", "expected"),
    [
        ("  attestations: [{name: sbom, predicateType: cyclonedx}]\n", [SBOM], PASS),
        ("  attestations: [{name: sbom, predicateType: 'https://cyclonedx.org/bom'}]\n", [SBOM], PASS),
        ("  attestations: [{name: sbom, predicateType: spdx}]\n", [SBOM], FAIL),
        ("  attestations: [{name: sbom, predicateType: cyclonedx}]\n", [sig()], FAIL),
        ("  attestations:\n  - name: sbom\n    predicateType: cyclonedx" + COMPLIANT % 3, [SBOM], PASS),
        ("  attestations:\n  - name: sbom\n    predicateType: cyclonedx" + COMPLIANT % 4, [SBOM], FAIL),
        (
            "  attestations: [{name: a, predicateType: cyclonedx, policy: {type: cue, data: 'a: 1'}}]\n",
            [SBOM],
            UNKNOWN,
        ),
        (
            "  attestations: [{name: a, predicateType: cyclonedx}, {name: b, predicateType: vuln}]\n",
            [SBOM],
            FAIL,
        ),
        ("  attestations: [{name: a, predicateType: cyclonedx}]\n  signatureFormat: bundle\n", [SBOM], FAIL),
        (
            "  attestations: [{name: a, predicateType: slsaprovenance1}]\n  signatureFormat: bundle\n",
            [bundle(STACK.attest(SCENE.digest, WHO, SCENE.at, predicate_type=SLSA_PROVENANCE, predicate={}))],
            PASS,
        ),
        (
            "  attestations: [{name: a, predicateType: slsaprovenance1}]\n  signatureFormat: bundle\n",
            [bundle(STACK.attest(SCENE.digest, WHO, SCENE.at, REKOR_V2, predicate_type=SLSA_PROVENANCE, predicate={}))],
            PASS,  # its log tells no time: then the stamp counts, whatever the policy says of stamps
        ),
        ("  signatureFormat: bundle\n", [bundle(STACK.attest(SCENE.digest, WHO, SCENE.at, REKOR_V2))], FAIL),
    ],
)
def test_attestations(rest: str, stored: list[Stored], expected: PolicyVerdict) -> None:
    assert said(load_text(cip(keyless(rest=rest))), image_of(IMAGE, stored), PUBLIC)[0] is expected


def test_an_attestation_by_time_stamp_alone() -> None:
    stored = att_layer(
        STACK.attest(SCENE.digest, WHO, SCENE.at, TIMESTAMP_ONLY_ENVELOPE, predicate_type=CYCLONEDX, predicate={})
    )
    rest = STAMP + "  attestations: [{name: sbom, predicateType: cyclonedx}]\n"
    loaded = load_text(trust_root(STACK), cip(keyless(more=REF, rest=rest)))
    assert said(loaded, image_of(IMAGE, [stored]), PUBLIC)[0] is PASS


WHOLE = """
policy:
  type: rego
  data: |
    package sigstore
    isCompliant { %s }
"""


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f'input.authorityMatches["authority-0"].signatures[0].issuer == "{ISSUER}"', PASS),
        ('input.authorityMatches["authority-0"].signatures[0].githubWorkflowRepo == "acme/shop"', PASS),
        ('input.authorityMatches["authority-0"].signatures[0].subject == "nobody"', FAIL),
        ("count(input.authorityMatches) == 2", FAIL),
        ("http.send({}).status == 200", UNKNOWN),
        ("not no.such.function(1)", UNKNOWN),
        ("broken", UNKNOWN),
        ("not broken", UNKNOWN),
    ],
)
def test_a_policy_over_all_authorities(condition: str, expected: PolicyVerdict) -> None:
    loaded = load_text(cip(keyless(), more=WHOLE % condition))
    assert said(loaded, image_of(IMAGE, [sig()]), PUBLIC)[0] is expected


def test_a_policy_that_sees_more_than_we_know_is_not_evaluated() -> None:
    more = WHOLE % "true" + "  includeSpec: true\n"
    assert said(load_text(cip(keyless(), more=more)), image_of(IMAGE, [sig()]), PUBLIC)[0] is UNKNOWN


def test_a_policy_text_in_a_config_map() -> None:
    more = "policy: {type: rego, configMapRef: {name: rules, key: main}}\n"
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: rules, namespace: cosign-system}\ndata:\n  main: |\n"
        "    package sigstore\n    isCompliant { %s }\n"
    )
    image = image_of(IMAGE, [sig()])
    assert said(load_text(cip(keyless(), more=more), config % "true"), image, PUBLIC)[0] is PASS
    assert said(load_text(cip(keyless(), more=more), config % "false"), image, PUBLIC)[0] is FAIL
    assert said(load_text(cip(keyless(), more=more)), image, PUBLIC)[0] is UNKNOWN


def test_another_claimant_of_the_same_host_is_refused() -> None:
    mallory = sig_layer(STACK.sign(SCENE.digest, github("mallory/shop"), SCENE.at))
    assert said(load_text(cip(keyless())), image_of(IMAGE, [mallory]), PUBLIC)[0] is FAIL


def test_a_signature_of_another_image_is_refused() -> None:
    other = sig_layer(STACK.sign(SCENE.other_digest, WHO, SCENE.at))
    assert said(load_text(cip(keyless())), image_of(IMAGE, [other], digest=DIGEST), PUBLIC)[0] is FAIL


@pytest.mark.parametrize("image", ["ghcr.io/a:1", "a", "Upper/web:1"])
@pytest.mark.parametrize("glob", ["**", "registry.acme.example/**"])
def test_what_is_no_name_to_the_controller_it_refuses_whatever_its_policies_are_about(image: str, glob: str) -> None:
    assert said(load_text(cip("- static: {action: pass}", glob=glob)), image_of(image), PUBLIC)[0] is FAIL


def test_localhost_without_a_port_is_a_path_on_docker_hub() -> None:
    """The controller would ask another registry than the container runtime: our evidence is about another image."""
    image = image_of("localhost/acme/shop:1", [sig()])
    assert said(load_text(cip(keyless(), glob="localhost/**")), image, PUBLIC)[0] is SKIP
    assert said(load_text(cip(keyless(), glob="index.docker.io/localhost/**")), image, PUBLIC)[0] is UNKNOWN
    assert (
        said(load_text(cip(keyless(), glob="localhost:*/**")), image_of("localhost:80/a/b", [sig()]), PUBLIC)[0] is PASS
    )
