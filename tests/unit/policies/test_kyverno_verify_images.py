"""ClusterPolicy verifyImages: what Kyverno would say, on signatures that really verify; and each attack that must fail."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.model.evidence import Absent, Evidence, Fault, FaultKind, Form, Unreadable
from auditor.model.reference import Reference
from auditor.model.report import PolicyVerdict
from auditor.policies.found import find_policies
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.load import load_policies
from auditor.policies.versions import Kyverno, Versions
from auditor.registry.material import BundleBytes, Listing, SimpleSigning
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import Profile, Sigstore, bundle, github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored, att_layer
from fixtures.sigstore.stack import REKOR_V2, TIMESTAMP_ONLY, Ceremony
from fixtures.sigstore.statements import SLSA_PROVENANCE, simple_signing
from tests.support.policies import DIGEST, image_of, judgments, load_text, said
from tests.support.signatures import made_root

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "policies" / "kyverno"
PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
ERROR, UNKNOWN = PolicyVerdict.ERROR, PolicyVerdict.NOT_EVALUABLE
ISSUER = "https://token.actions.githubusercontent.com"
IMAGE = "ghcr.io/acme/shop:1.0"
SCENE = Scene()
STACK = SCENE.stack
WHO = SCENE.claimant
OTHER = github("stranger/shop")
PUBLIC: Root = made_root(STACK, "public-good")
POD = Resource("Pod", "v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.NORMAL}))
DEPLOYMENT = Resource("Deployment", "apps/v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.NORMAL}))
LOG = "rekor: {url: https://rekor.sigstore.dev}"
GOOD = f"{{keyless: {{issuer: '{ISSUER}', subject: '{WHO.subject}', {LOG}}}}}"
BAD = f"{{keyless: {{issuer: '{ISSUER}', subject: 'https://github.com/nobody/*', {LOG}}}}}"


def policy(
    *entries: str,
    match: str = "{any: [{resources: {kinds: [Pod]}}]}",
    verify: str = "",
    spec: str = "",
    rule: str = "",
    count: int | None = None,
    references: str = "['ghcr.io/acme/*']",
    digest: str = "mutateDigest: false, verifyDigest: false, required: false",
    action: str = "Enforce",
) -> str:
    counted = f"count: {count}, " if count else ""
    attestors = f"attestors: [{{{counted}entries: [{', '.join(entries)}]}}]" if entries else "attestors: []"
    return "\n".join(
        (
            "apiVersion: kyverno.io/v1",
            "kind: ClusterPolicy",
            "metadata: {name: signed}",
            "spec:",
            f"  validationFailureAction: {action}",
            *([f"  {spec}"] if spec else []),
            "  rules:",
            "  - name: signed",
            f"    match: {match}",
            *([f"    {rule}"] if rule else []),
            "    verifyImages:",
            f"    - {{imageReferences: {references}, {digest}, {attestors}{', ' + verify if verify else ''}}}",
            "",
        )
    )


def sig(who: object = WHO, stack: Sigstore = STACK, ceremony: Ceremony | None = None, **more: object) -> Stored:
    arguments = (SCENE.digest, who, SCENE.at, *((ceremony,) if ceremony else ()))
    return sig_layer(stack.sign(*arguments, **more))  # type: ignore[arg-type]


def verdict(
    text: str, *stored: Stored, image: str = IMAGE, resource: Resource = POD, root: Root | None = PUBLIC
) -> PolicyVerdict:
    return said(load_text(text), image_of(image, stored, resources=(resource,)), root)[0]


# ── the first policy that people write ───────────────────────────────────────────────────────────────────────────────────


def test_the_policy_of_the_beginning() -> None:
    text = (FIXTURES / "signed-by-workflow.yaml").read_text()
    keyless = github("acme/shop", "keyless.yaml", "refs/heads/main")
    image = "ttl.sh/acme-shop:1h"
    assert verdict(text, sig(keyless), image=image, resource=DEPLOYMENT) is PASS
    assert verdict(text, sig(WHO), image=image, resource=DEPLOYMENT) is FAIL
    assert verdict(text, image=image, resource=DEPLOYMENT) is FAIL
    assert verdict(text, sig(keyless, SCENE.stranger), image=image) is FAIL
    assert verdict(text, sig(keyless), image=IMAGE) is SKIP
    # Pinned by digest its name has no colon but the digest's own, which the glob takes too.
    assert verdict(text, sig(keyless), image=f"ttl.sh/acme-shop:1h@{DIGEST}") is PASS


# ── who signed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (f"issuer: '{ISSUER}', subject: '{WHO.subject}'", PASS),
        (f"issuer: '{ISSUER}', subject: 'https://github.com/acme/*'", PASS),
        ("subject: 'https://github.com/acme/*'", PASS),
        ("issuer: 'https://*.githubusercontent.com'", PASS),
        ("issuer: https://accounts.google.com", FAIL),
        ("subject: 'https://github.com/acme'", FAIL),
        ("subject: 'https://github.com/other/*', subjectRegExp: 'acme/sh.p'", PASS),  # either of the two will do
        ("subject: 'https://github.com/other/*', subjectRegExp: '^acme'", FAIL),
        ("subjectRegExp: 'acme/shop'", PASS),
        ("subjectRegExp: '^acme/shop$'", FAIL),
        (f"issuer: '{ISSUER}', issuerRegExp: 'google'", FAIL),  # both of the two must hold
        ("issuerRegExp: '^https://token'", PASS),
        ("additionalExtensions: {githubWorkflowTrigger: push, githubWorkflowRepository: 'acme/*'}", PASS),
        ("additionalExtensions: {1.3.6.1.4.1.57264.1.6: 'refs/tags/*'}", PASS),
        ("additionalExtensions: {githubWorkflowTrigger: pull_request}", FAIL),
    ],
)
def test_identities(fields: str, expected: PolicyVerdict) -> None:
    assert verdict(policy(f"{{keyless: {{{fields}, {LOG}}}}}"), sig()) is expected


def test_a_keyless_entry_without_identity_takes_anybody_of_the_root_but_no_stranger() -> None:
    text = policy(f"{{keyless: {{{LOG}}}}}")
    assert verdict(text, sig(OTHER)) is PASS
    assert verdict(text, sig(OTHER, SCENE.stranger)) is FAIL


def test_one_good_signature_among_bad_ones_is_enough() -> None:
    assert verdict(policy(GOOD), sig(OTHER), sig(stack=SCENE.stranger), sig()) is PASS
    assert verdict(policy(GOOD), sig(OTHER), sig(stack=SCENE.stranger)) is FAIL


def test_a_signature_of_another_image_counts_for_nothing() -> None:
    stored = sig_layer(STACK.sign(SCENE.other_digest, WHO, SCENE.at))
    assert verdict(policy(GOOD), stored) is FAIL


def test_counts_and_sets() -> None:
    assert verdict(policy(GOOD, BAD), sig()) is FAIL  # without a count all entries must hold
    assert verdict(policy(GOOD, BAD, count=1), sig()) is PASS
    assert verdict(policy(BAD, GOOD, count=2), sig()) is FAIL
    both = policy(GOOD).replace("attestors: [", f"attestors: [{{entries: [{BAD}]}}, ")
    assert verdict(both, sig()) is FAIL  # sets are joined by AND


def test_nested_attestors() -> None:
    nested = f"{{attestor: {{count: 1, entries: [{BAD}, {GOOD}]}}}}"
    assert verdict(policy(nested), sig()) is PASS
    assert verdict(policy(nested), sig(OTHER)) is FAIL
    assert verdict(policy(nested, BAD), sig()) is FAIL


def test_annotations_must_be_in_one_payload() -> None:
    entry = GOOD[:-1] + ", annotations: {stage: prod, by: ci}}"
    assert verdict(policy(entry), sig(optional={"stage": "prod", "by": "ci", "more": "x"})) is PASS
    assert verdict(policy(entry), sig(optional={"stage": "prod"}), sig(optional={"by": "ci"})) is FAIL
    assert verdict(policy(entry), sig()) is FAIL
    assert verdict(policy(GOOD, verify="annotations: {stage: prod}"), sig()) is FAIL


# ── own roots, keys, logs ────────────────────────────────────────────────────────────────────────────────────────────────


def private(stack: Sigstore, *parts: str, more: str = "") -> str:
    """A keyless entry that brings its own trust, as block YAML in JSON strings."""
    import json

    files = {name: json.dumps(content.decode()) for name, content in stack.pem_files().items()}
    rekor = f"rekor: {{url: https://rekor.acme.example, pubkey: {files['rekor']}}}" if "rekor" in parts else LOG
    ctlog = f", ctlog: {{pubkey: {files['ctlog']}}}" if "ctlog" in parts else ", ctlog: {ignoreSCT: true}"
    return f"{{keyless: {{subject: '{WHO.subject}', roots: {files['fulcio']}, {rekor}{ctlog}{more}}}}}"


def test_roots_of_its_own_replace_the_public_ones() -> None:
    own = policy(private(SCENE.stranger, "rekor", "ctlog"))
    assert verdict(own, sig(stack=SCENE.stranger), root=None) is PASS
    assert verdict(own, sig()) is FAIL
    without_log_key = policy(private(SCENE.stranger, "ctlog"))
    assert verdict(without_log_key, sig(stack=SCENE.stranger)) is FAIL  # its log is none of the public root
    assert verdict(without_log_key, sig(stack=SCENE.stranger), root=None) is UNKNOWN


def test_what_is_not_logged_is_not_guessed() -> None:
    assert verdict(policy(GOOD), sig(ceremony=TIMESTAMP_ONLY)) is UNKNOWN  # Kyverno would ask Rekor
    ignoring = policy(GOOD.replace(LOG, "rekor: {url: https://x, ignoreTlog: true}"))
    # Without the log nothing says when it was made, and the certificate is long expired.
    assert verdict(ignoring, sig()) is FAIL
    assert verdict(ignoring, sig(ceremony=TIMESTAMP_ONLY)) is FAIL  # stamps count by the policy's own authority only


KEY = derive("kyverno", "key")


def keyed(key: object = KEY, **more: object) -> Stored:
    return sig_layer(STACK.seal_with_key(key, simple_signing(SCENE.digest, "ghcr.io/acme/shop"), **more))  # type: ignore[arg-type]


def keys(*names: str, more: str = "") -> str:
    import json

    text = "".join(pem(derive("kyverno", name).public_key()).decode() for name in names)
    return f"{{keys: {{publicKeys: {json.dumps(text)}{more}}}}}"


def test_keys() -> None:
    ignoring = ", rekor: {url: https://x, ignoreTlog: true}"
    assert verdict(policy(keys("key")), keyed(at=SCENE.at)) is PASS
    assert verdict(policy(keys("key")), keyed()) is UNKNOWN
    assert verdict(policy(keys("key", more=ignoring)), keyed(), root=None) is PASS
    assert verdict(policy(keys("other", more=ignoring)), keyed()) is FAIL
    assert verdict(policy(keys("key", "other", more=ignoring)), keyed()) is FAIL  # each is an entry of its own
    assert verdict(policy(keys("key", "other", more=ignoring), count=1), keyed()) is PASS
    assert verdict(policy("{keys: {kms: 'gcpkms://projects/acme'}}"), keyed()) is UNKNOWN
    assert verdict(policy(keys("key", more=", signatureAlgorithm: sha512")), keyed()) is UNKNOWN


def test_a_key_from_a_secret_of_the_tree() -> None:
    secret = (
        "apiVersion: v1\nkind: Secret\nmetadata: {name: cosign, namespace: kyverno}\nstringData:\n  cosign.pub: |\n"
        + textwrap.indent(pem(KEY.public_key()).decode(), "    ")
    )
    text = policy("{keys: {publicKeys: 'k8s://kyverno/cosign', rekor: {url: x, ignoreTlog: true}}}")
    image = image_of(IMAGE, [keyed()], resources=(POD,))
    assert said(load_text(text, secret), image, PUBLIC)[0] is PASS
    assert said(load_text(text), image, PUBLIC)[0] is UNKNOWN


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_bundle(who: object = WHO, **more: object) -> Stored:
    return bundle(STACK.attest(SCENE.digest, who, SCENE.at, REKOR_V2, **more))  # type: ignore[arg-type]


def test_cosign_reads_tags_alone_and_bundles_referrers_alone() -> None:
    bundles = policy(GOOD, verify="type: SigstoreBundle")
    assert verdict(policy(GOOD), in_bundle()) is FAIL
    assert verdict(bundles, in_bundle()) is PASS
    assert verdict(bundles, sig()) is FAIL


def test_in_a_bundle_any_statement_of_the_right_identity_counts() -> None:
    bundles = policy(GOOD, verify="type: SigstoreBundle")
    assert verdict(bundles, in_bundle(predicate_type=SLSA_PROVENANCE, predicate={})) is PASS
    assert verdict(bundles, in_bundle(OTHER)) is FAIL


def test_in_a_bundle_a_subject_is_exact_and_an_identity_is_needed() -> None:
    wild = f"{{keyless: {{issuer: '{ISSUER}', subject: 'https://github.com/acme/*', {LOG}}}}}"
    nobody = f"{{keyless: {{subject: '{WHO.subject}', {LOG}}}}}"
    assert verdict(policy(wild, verify="type: SigstoreBundle"), in_bundle()) is FAIL
    assert verdict(policy(nobody, verify="type: SigstoreBundle"), in_bundle()) is FAIL
    assert verdict(policy(keys("key"), verify="type: SigstoreBundle"), in_bundle()) is FAIL


def test_a_bundle_that_does_not_parse_spoils_the_others() -> None:
    from fixtures.sigstore.signed import Bundle, BundleVersion

    broken = Bundle(BundleVersion.V0_3.value, b"{}")
    assert verdict(policy(GOOD, verify="type: SigstoreBundle"), in_bundle(), broken) is UNKNOWN


def test_what_nobody_evaluates_is_said() -> None:
    assert verdict(policy(GOOD, verify="type: Notary"), sig()) is UNKNOWN
    assert verdict(policy("{certificates: {cert: x}}"), sig()) is UNKNOWN
    assert verdict(policy(GOOD, verify="cosignOCI11: true"), sig()) is UNKNOWN


# ── attestations ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def provenance(who: object = WHO, **predicate: object) -> Stored:
    return att_layer(
        STACK.attest(SCENE.digest, who, SCENE.at, predicate_type=SLSA_PROVENANCE, predicate=predicate)  # type: ignore[arg-type]
    )


def attesting(conditions: str = "", entry: str = GOOD) -> str:
    conditioned = f", conditions: {conditions}" if conditions else ""
    verify = f"attestations: [{{type: '{SLSA_PROVENANCE}', attestors: [{{entries: [{entry}]}}]{conditioned}}}]"
    return policy(verify=verify)


def test_attestations_by_type_and_identity() -> None:
    assert verdict(attesting(), provenance(a=1)) is PASS
    assert verdict(attesting(), sig()) is FAIL
    assert verdict(attesting(), provenance(OTHER, a=1)) is FAIL
    assert verdict(attesting(), provenance(a=1), provenance(OTHER, a=1)) is FAIL  # every one of the type must be right


BUILDER = '[{all: [{key: "{{ builder.id }}", operator: Equals, value: "https://acme.example/*"}]}]'


def test_conditions_on_every_statement() -> None:
    good, bad = provenance(builder={"id": "https://acme.example/b"}), provenance(builder={"id": "https://evil.example"})
    assert verdict(attesting(BUILDER), good) is PASS
    assert verdict(attesting(BUILDER), bad) is FAIL
    assert verdict(attesting(BUILDER), good, bad) is FAIL
    assert verdict(attesting(BUILDER), provenance(other=1)) is UNKNOWN  # null is not an empty text


def test_conditions_that_only_kyverno_can_evaluate() -> None:
    own = "[{all: [{key: \"{{ time_since('', x, y) }}\", operator: Equals, value: 1}]}]"
    assert verdict(attesting(own), provenance(x="1", y="2")) is UNKNOWN


def test_an_attestation_without_attestors_takes_anybody() -> None:
    text = policy(verify=f"attestations: [{{type: '{SLSA_PROVENANCE}'}}]")
    assert verdict(text, provenance(OTHER, a=1)) is PASS
    assert verdict(text) is FAIL


# ── whom a rule is about ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_rules_about_pods_are_repeated_for_their_controllers() -> None:
    assert verdict(policy(GOOD), resource=DEPLOYMENT) is FAIL
    assert verdict(policy(GOOD), resource=Resource("Widget", "acme.example/v1", "w", "prod")) is SKIP
    none = policy(GOOD).replace(
        "{name: signed}", "{name: signed, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}"
    )
    assert verdict(none, resource=DEPLOYMENT) is FAIL  # at the latest when its pods are created


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("{any: [{resources: {kinds: [Deployment]}}]}", SKIP),
        ("{any: [{resources: {kinds: ['*']}}]}", FAIL),
        ("{any: [{resources: {kinds: [v1/Pod]}}]}", FAIL),
        ("{any: [{resources: {kinds: [apps/v1/Pod]}}]}", SKIP),
        ("{any: [{resources: {kinds: [Pod], namespaces: ['prod']}}]}", FAIL),
        ("{any: [{resources: {kinds: [Pod], namespaces: ['test-*']}}]}", SKIP),
        ("{any: [{resources: {kinds: [Pod], names: ['web*']}}]}", FAIL),
        ("{any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: w*}}}}]}", FAIL),
        ("{any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: api}}}}]}", SKIP),
        ("{any: [{resources: {kinds: [Pod], operations: [DELETE]}}]}", SKIP),
        ("{all: [{resources: {kinds: [Pod]}}, {resources: {namespaces: [test]}}]}", SKIP),
        ("{resources: {kinds: [Pod]}}", FAIL),
        ("{any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {a: b}}}}]}", UNKNOWN),
        ("{any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: x}]}]}", UNKNOWN),
    ],
)
def test_match(match: str, expected: PolicyVerdict) -> None:
    assert verdict(policy(GOOD, match=match)) is expected


def test_what_an_unknown_namespace_leaves_open_is_a_pass_only_where_it_holds_anyway() -> None:
    nowhere = Resource("Pod", "v1", "web", "")
    text = policy(GOOD, rule="exclude: {any: [{resources: {namespaces: [kube-system]}}]}")
    assert verdict(text, sig(), resource=nowhere) is PASS
    assert verdict(text, resource=nowhere) is UNKNOWN
    assert verdict(text, resource=POD) is FAIL
    assert verdict(text, resource=Resource("Pod", "v1", "web", "kube-system")) is SKIP


def test_preconditions() -> None:
    labelled = 'preconditions: {all: [{key: "{{ request.object.metadata.labels.app }}", operator: Equals, value: %s}]}'
    assert verdict(policy(GOOD, rule=labelled % "web")) is FAIL
    assert verdict(policy(GOOD, rule=labelled % "api")) is SKIP
    hidden = 'preconditions: {all: [{key: "{{ request.object.spec.hostNetwork }}", operator: Equals, value: true}]}'
    assert verdict(policy(GOOD, rule=hidden)) is UNKNOWN
    assert verdict(policy(GOOD, rule=hidden), sig()) is PASS


def test_exceptions() -> None:
    exception = (
        "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: later, namespace: prod}\n"
        "spec:\n  exceptions: [{policyName: signed, ruleNames: [signed]}]\n"
        "  match: {any: [{resources: {kinds: [Pod], names: [web]}}]}\n"
    )
    assert said(load_text(policy(GOOD), exception), image_of(IMAGE, resources=(POD,)), PUBLIC)[0] is SKIP
    other = image_of(IMAGE, resources=(Resource("Pod", "v1", "api", "prod"),))
    assert said(load_text(policy(GOOD), exception), other, PUBLIC)[0] is FAIL


# ── what happens then ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_actions() -> None:
    assert verdict(policy(GOOD, action="Audit")) is WARN
    assert verdict(policy(GOOD, action="audit", verify="failureAction: Enforce")) is FAIL
    assert verdict(policy(GOOD, verify="failureAction: Audit")) is WARN
    overrides = "validationFailureActionOverrides: [{action: Audit, namespaces: [prod]}]"
    assert verdict(policy(GOOD, spec=overrides)) is WARN
    assert verdict(policy(GOOD, spec=overrides), resource=Resource("Pod", "v1", "web", "test")) is FAIL
    assert verdict(policy(GOOD, spec=overrides), resource=Resource("Pod", "v1", "web", "")) is FAIL


def test_digests() -> None:
    demanding = "mutateDigest: false, verifyDigest: true"
    assert verdict(policy(GOOD, digest=demanding), sig()) is FAIL
    assert verdict(policy(GOOD, digest=demanding), sig(), image=f"ghcr.io/acme/shop@{DIGEST}") is PASS
    assert verdict(policy(GOOD, digest="mutateDigest: true"), sig()) is PASS


def test_references_and_those_that_are_left_out() -> None:
    assert verdict(policy(GOOD, references="['docker.io/library/*']"), image="nginx") is SKIP
    assert verdict(policy(GOOD, references="['docker.io/nginx*']"), image="nginx") is FAIL
    skipping = policy(GOOD, verify="skipImageReferences: ['*/shop*']")
    assert verdict(skipping) is SKIP


def test_what_could_not_be_asked_is_not_told() -> None:
    loaded = load_text(policy(GOOD))
    parsed = Reference.parse(IMAGE)
    late = Listing((), (Unreadable(Form.SIG, Fault(FaultKind.TIMEOUT, "late")),))
    cases = [
        (Inspected(IMAGE, parsed, Evidence(Absent("no such tag")), None, (POD,)), ERROR),
        (Inspected(IMAGE, parsed, Evidence(Fault(FaultKind.DENIED, "denied")), None, (POD,)), UNKNOWN),
        (Inspected(IMAGE, parsed, None, None, (POD,)), UNKNOWN),
        (image_of(IMAGE, resources=(POD,), listing=late), UNKNOWN),
    ]
    for image, expected in cases:
        assert said(loaded, image, PUBLIC)[0] is expected, image


def test_what_one_registry_lacks_another_may_have() -> None:
    """The engines read `localhost/…` as a path on Docker Hub: that the host localhost has no such image says nothing of it."""
    loaded = load_text(policy(GOOD, references="['*']"))
    here = Inspected(
        "localhost/shop:1.0", Reference.parse("localhost/shop:1.0"), Evidence(Absent("no tag")), None, (POD,)
    )
    verdict, why = said(loaded, here, PUBLIC)
    assert (verdict, "was not asked" in why) == (UNKNOWN, True)


def test_signatures_elsewhere() -> None:
    loaded = load_text(policy(GOOD, verify="repository: registry.acme.example/signatures"))
    (only,) = loaded.policies
    assert only.repositories == {"registry.acme.example/signatures"}
    listing = Listing((as_material(sig()),))
    here = image_of(IMAGE, [sig()], resources=(POD,))
    there = Inspected(
        IMAGE, here.reference, here.evidence, Listing(), (POD,), {"registry.acme.example/signatures": listing}
    )
    assert said(loaded, here, PUBLIC)[0] is UNKNOWN
    assert said(loaded, there, PUBLIC)[0] is PASS


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (policy(GOOD).replace("kyverno.io/v1", "kyverno.io/v9"), 1, "apiVersion"),
        (policy(GOOD).replace("name: signed}", "name: '{{ .Values.name }}'}"), 3, "template"),
        (policy("{keyless: {subject: x}}"), 10, "rekor"),
        (policy(f"{{keyless: {{subjectRegExp: '(', {LOG}}}}}"), 10, "RE2"),
        (policy(f"{{keyless: {{additionalExtensions: {{nope: x}}, {LOG}}}}}"), 10, "extension"),
        (policy("{keys: {publicKeys: '-----BEGIN NOTHING'}}"), 10, "PEM"),
        (policy(GOOD, count=3), 10, "count"),
        (policy("{}"), 10, "exactly one"),
        (policy(GOOD, action="Shout"), 5, "action"),
        (policy(GOOD, action="Audit", digest="verifyDigest: false"), 10, "mutateDigest"),
        (policy(GOOD, rule='preconditions: {all: [{key: "{{ ][ }}", operator: Equals, value: 1}]}'), 9, "JMESPath"),
    ],
)
def test_a_mistake_has_its_line_and_never_passes(text: str, line: int, words: str) -> None:
    loaded = load_text(text)
    assert any(words in each.message and each.place.line == line for each in loaded.mistakes), loaded.mistakes
    assert said(loaded, image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC)[0] is UNKNOWN


def test_a_file_that_does_not_parse_is_named_and_the_rest_is_judged() -> None:
    broken = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: {{ .Values.name }}-x\n# verifyImages\n"
    loaded = load_text(broken, policy(GOOD))
    assert [each.place.file for each in loaded.mistakes] == ["policies/0.yaml"]
    row = judgments(loaded, image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC)
    assert [(each.policy.name, each.ruling.verdict) for each in row] == [
        ("Policy/policies/0.yaml", UNKNOWN),
        ("ClusterPolicy/signed", PASS),
    ]


def test_attestors_that_contain_themselves_or_nest_without_end() -> None:
    loop = policy(GOOD).replace("entries: [", "entries: &loop [{attestor: {entries: *loop}}, ")
    loaded = load_text(loop)
    assert loaded.mistakes
    assert not any(each.ruling.verdict is PASS for each in judgments(loaded, image_of(IMAGE, [sig()]), PUBLIC))
    deep = GOOD
    for _ in range(30):
        deep = f"{{attestor: {{entries: [{deep}]}}}}"
    assert verdict(policy(deep), sig()) is UNKNOWN


def test_a_catastrophic_expression_ends() -> None:
    text = policy(f"{{keyless: {{subjectRegExp: '^(a+)+$', {LOG}}}}}")
    assert verdict(text, sig()) is FAIL


@pytest.mark.parametrize(("version", "expected"), [("1.13", UNKNOWN), ("1.17", FAIL), ("1.19", FAIL)])
def test_expressions_that_older_releases_ignore(version: str, expected: PolicyVerdict) -> None:
    text = policy(f"{{keyless: {{subjectRegExp: '^nobody$', {LOG}}}}}")
    found = find_policies(MemoryTree({"p.yaml": text.encode()}, "test"))
    loaded = load_policies(found, Versions(Kyverno(version)))
    assert said(loaded, image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC)[0] is expected
    assert said(loaded, image_of(IMAGE, [], resources=(POD,)), PUBLIC)[0] is FAIL


def test_the_flat_form_of_old() -> None:
    flat = policy().replace("attestors: []", f"issuer: '{ISSUER}', subject: '{WHO.subject}'")
    assert verdict(flat, sig()) is PASS
    assert verdict(flat, sig(OTHER)) is FAIL
    image = flat.replace("imageReferences: ['ghcr.io/acme/*']", "image: 'ghcr.io/acme/*'")
    assert verdict(image, sig()) is PASS


# ── by what referrers are called ─────────────────────────────────────────────────────────────────────────────────────────

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BY_BUNDLE = (
    f"{{keyless: {{issuer: '{ISSUER}', subject: '{WHO.subject}', {LOG}}}}}",
    "type: SigstoreBundle",
)


def listed(*artifact_types: str | None, referrers: int = 0) -> Inspected:
    signed = as_material(bundle(STACK.attest(SCENE.digest, WHO, SCENE.at, REKOR_V2)))
    assert isinstance(signed, BundleBytes)
    materials = tuple(replace(signed, artifact_type=each) for each in artifact_types)
    return image_of(IMAGE, resources=(POD,), listing=Listing(materials, referrers=referrers))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (listed(BUNDLE_TYPE), PASS),
        (listed(BUNDLE_TYPE, referrers=50), PASS),
        (listed("application/vnd.oci.empty.v1+json", BUNDLE_TYPE), PASS),
        (listed("application/vnd.oci.empty.v1+json"), FAIL),
        (listed(""), FAIL),
        (listed(BUNDLE_TYPE, referrers=51), FAIL),
    ],
    ids=["as-a-bundle", "fifty", "one-of-two", "as-empty", "as-nothing", "fifty-one"],
)
def test_bundles_count_only_where_they_are_listed_as_bundles(image: Inspected, expected: PolicyVerdict) -> None:
    loaded = load_text(policy(BY_BUNDLE[0], verify=BY_BUNDLE[1]))
    verdict, why = said(loaded, image, PUBLIC)
    assert verdict is expected, why


def test_no_engine_reads_the_experimental_form_unasked() -> None:
    tagged = as_material(sig())
    assert isinstance(tagged, SimpleSigning)
    referrer = replace(tagged, artifact_type="application/vnd.dev.cosign.artifact.sig.v1+json")
    loaded = load_text(policy(GOOD))
    assert said(loaded, image_of(IMAGE, resources=(POD,), listing=Listing((tagged,))), PUBLIC)[0] is PASS
    assert said(loaded, image_of(IMAGE, resources=(POD,), listing=Listing((referrer,))), PUBLIC)[0] is FAIL
    asked = load_text(policy(GOOD, verify="cosignOCI11: true"))
    assert said(asked, image_of(IMAGE, resources=(POD,), listing=Listing((referrer,))), PUBLIC)[0] is UNKNOWN


# ── what the engine says where nothing is verified (seen with `kyverno apply` 1.19.1) ───────────────────────────────────────


@pytest.mark.parametrize(
    ("digest", "image", "expected"),
    [
        ("mutateDigest: false, verifyDigest: false, required: false", IMAGE, SKIP),
        ("mutateDigest: false, verifyDigest: true, required: false", IMAGE, FAIL),
        ("mutateDigest: false, verifyDigest: true, required: false", f"{IMAGE}@{DIGEST}", SKIP),
        ("mutateDigest: true, verifyDigest: true, required: false", IMAGE, SKIP),
        ("mutateDigest: false, verifyDigest: false, required: true", f"{IMAGE}@{DIGEST}", FAIL),
        ("mutateDigest: true", IMAGE, FAIL),  # `required` is the default
    ],
)
def test_without_attestors_digests_and_required_are_still_demanded(
    digest: str, image: str, expected: PolicyVerdict
) -> None:
    assert verdict(policy(digest=digest), sig(), image=image) is expected


def test_a_skipped_image_must_still_carry_a_digest() -> None:
    skip = "skipImageReferences: ['*']"
    strict = "mutateDigest: false, verifyDigest: true"
    assert verdict(policy(GOOD, verify=skip, digest=strict), sig()) is FAIL
    assert verdict(policy(GOOD, verify=skip, digest=strict), sig(), image=f"{IMAGE}@{DIGEST}") is SKIP
    assert verdict(policy(GOOD, verify=skip, digest="mutateDigest: true"), sig()) is SKIP


def test_who_attested_must_stand_in_a_ct_log_unless_the_policy_says_otherwise() -> None:
    unlogged = Ceremony(profile=Profile(scts=lambda _: ()))
    made = STACK.attest(SCENE.digest, WHO, SCENE.at, unlogged, predicate_type=SLSA_PROVENANCE, predicate={})

    def attested(*, entry: str) -> str:
        sets = f", attestors: [{{entries: [{entry}]}}]" if entry else ""
        return policy(verify=f"attestations: [{{type: '{SLSA_PROVENANCE}'{sets}}}]")

    assert verdict(attested(entry=GOOD), att_layer(made)) is FAIL
    lax = GOOD.replace(LOG, f"{LOG}, ctlog: {{ignoreSCT: true}}")
    assert verdict(attested(entry=lax), att_layer(made)) is PASS
    assert verdict(attested(entry=""), att_layer(made)) is PASS  # with nobody named Kyverno does not ask
