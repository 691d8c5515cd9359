"""ImageValidatingPolicy: CEL over images whose signatures really verify; what cannot be evaluated never passes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.found import find_policies
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.load import load_policies
from auditor.policies.versions import Kyverno, Versions
from auditor.registry.material import Listing
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import Sigstore, bundle, github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored, att_layer
from fixtures.sigstore.stack import REKOR_V1, REKOR_V2, TIMESTAMP_ONLY, Ceremony
from fixtures.sigstore.statements import SLSA_PROVENANCE, provenance, simple_signing
from tests.support.policies import DIGEST, image_of, load_text, said
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
INIT = Resource("Pod", "v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.INIT}))
DEPLOYMENT = Resource("Deployment", "apps/v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.NORMAL}))
GOOD = f"keyless: {{identities: [{{issuer: '{ISSUER}', subject: '{WHO.subject}'}}]}}"
REKOR = json.dumps(STACK.pem_files()["rekor"].decode())
SIGNED = "images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(n, n > 0)"


def policy(
    *validations: str,
    attestor: str = GOOD,
    spec: str = "",
    match: str = "[{glob: 'ghcr.io/acme/*'}]",
    kind: str = "ImageValidatingPolicy",
) -> str:
    lines = [
        "apiVersion: policies.kyverno.io/v1",
        f"kind: {kind}",
        "metadata: {name: signed}",
        "spec:",
        "  matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}",
        f"  matchImageReferences: {match}",
        f"  attestors: [{{name: a, cosign: {{{attestor}}}}}]",
        f"  attestations: [{{name: p, intoto: {{type: '{SLSA_PROVENANCE}'}}}}]",
        *(f"  {line}" for line in spec.splitlines()),
        "  validations:",
        *(f"  - {{expression: {json.dumps(each)}, message: 'as it should be'}}" for each in validations or (SIGNED,)),
    ]
    return "\n".join(lines) + "\n"


def sig(who: object = WHO, stack: Sigstore = STACK, ceremony: Ceremony | None = None) -> Stored:
    arguments = (SCENE.digest, who, SCENE.at, *((ceremony,) if ceremony else ()))
    return sig_layer(stack.sign(*arguments))


def in_bundle(who: object = WHO, **more: object) -> Stored:
    return bundle(STACK.attest(SCENE.digest, who, SCENE.at, **{"ceremony": REKOR_V2, **more}))  # type: ignore[arg-type]


def verdict(
    text: str, *stored: Stored, image: str = IMAGE, resource: Resource = POD, root: Root | None = PUBLIC
) -> PolicyVerdict:
    return said(load_text(text), image_of(image, stored, resources=(resource,)), root)[0]


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_signed_unsigned_and_signed_by_others() -> None:
    assert verdict(policy(), sig()) is PASS
    assert verdict(policy(), in_bundle()) is PASS
    assert verdict(policy()) is FAIL
    assert verdict(policy(), sig(OTHER)) is FAIL
    assert verdict(policy(), in_bundle(OTHER)) is FAIL
    assert verdict(policy(), sig(stack=SCENE.stranger)) is FAIL
    assert verdict(policy(), sig_layer(STACK.sign(SCENE.other_digest, WHO, SCENE.at))) is FAIL


def test_a_validation_without_a_message_says_that_it_failed() -> None:
    text = policy("false").replace(", message: 'as it should be'", "")
    answer, why = said(load_text(text), image_of(IMAGE, (), resources=(POD,)), PUBLIC)[:2]
    assert answer is FAIL
    assert "has no message" in why


def test_where_there_are_bundles_they_alone_are_read() -> None:
    assert verdict(policy(), sig(), in_bundle(OTHER)) is FAIL
    assert verdict(policy(), in_bundle(predicate_type=SLSA_PROVENANCE, predicate={})) is PASS  # any predicate counts


@pytest.mark.parametrize(
    ("identity", "classic", "bundled"),
    [
        (f"issuer: '{ISSUER}', subject: 'https://github.com/acme/*'", FAIL, FAIL),  # exact: an asterisk is one
        (f"issuer: '{ISSUER}', subjectRegExp: 'acme/shop'", PASS, PASS),
        (f"issuer: '{ISSUER}', subjectRegExp: '^acme/shop'", FAIL, FAIL),
        (f"issuer: '{ISSUER}', subject: 'https://other', subjectRegExp: 'acme'", PASS, FAIL),
        ("issuer: https://accounts.google.com, subjectRegExp: 'acme'", FAIL, FAIL),
    ],
)
def test_identities(identity: str, classic: PolicyVerdict, bundled: PolicyVerdict) -> None:
    attestor = f"keyless: {{identities: [{{{identity}}}]}}"
    assert verdict(policy(attestor=attestor), sig()) is classic
    assert verdict(policy(attestor=attestor), in_bundle()) is bundled


def test_more_than_one_identity_is_an_error_for_bundles() -> None:
    two = f"keyless: {{identities: [{{issuer: '{ISSUER}', subject: '{WHO.subject}'}}, {{issuer: x, subject: y}}]}}"
    assert verdict(policy(attestor=two), sig()) is PASS
    assert verdict(policy(attestor=two), in_bundle()) is FAIL


def test_logs() -> None:
    assert verdict(policy(), sig(ceremony=TIMESTAMP_ONLY)) is FAIL  # without `ctlog` no log is asked
    asking = policy(attestor=GOOD + ", ctlog: {url: https://rekor.sigstore.dev}")
    assert verdict(asking, sig(ceremony=TIMESTAMP_ONLY)) is UNKNOWN
    assert verdict(asking, sig()) is PASS
    assert (
        verdict(policy(attestor=GOOD + f", ctlog: {{rekorPubKey: {REKOR}}}"), sig()) is FAIL
    )  # the engine wants its URL
    ignoring = policy(attestor=GOOD + ", ctlog: {insecureIgnoreTlog: true}")
    assert verdict(ignoring, sig(ceremony=TIMESTAMP_ONLY)) is FAIL  # stamps count by the policy's own authority only
    assert verdict(ignoring, sig()) is FAIL  # nothing else says when, and the certificate has expired


def test_time_stamps_of_bundles_are_demanded_where_the_policy_brings_their_authority_or_leaves_the_log_out() -> None:
    by_log, by_stamp, unlogged = (in_bundle(ceremony=each) for each in (REKOR_V1, REKOR_V2, TIMESTAMP_ONLY))
    assert [verdict(policy(), each) for each in (by_log, by_stamp, unlogged)] == [PASS, PASS, FAIL]
    tsa = json.dumps(STACK.pem_files()["tsa"].decode())
    stamped = policy(attestor=GOOD + f", ctlog: {{url: https://rekor.sigstore.dev, tsaCertChain: {tsa}}}")
    assert [verdict(stamped, each) for each in (by_log, by_stamp, unlogged)] == [FAIL, PASS, FAIL]
    assert verdict(stamped, sig()) is PASS  # the classic way takes a stamp where there is one
    ignoring = policy(attestor=GOOD + ", ctlog: {insecureIgnoreTlog: true}")
    assert [verdict(ignoring, each) for each in (by_log, by_stamp, unlogged)] == [FAIL, PASS, PASS]


def test_a_trusted_root_of_its_own() -> None:
    root = json.dumps(json.dumps(SCENE.stranger.trusted_root()))
    own = policy(attestor=f"{GOOD}, trustedRoot: {{value: {root}}}")
    assert verdict(own, sig(stack=SCENE.stranger), root=None) is PASS
    assert verdict(own, sig()) is FAIL
    assert verdict(policy(attestor=f"{GOOD}, trustedRoot: {{value: '{{}}'}}"), sig()) is UNKNOWN
    assert verdict(policy(attestor=f"{GOOD}, tuf: {{mirror: https://tuf.acme.example}}"), sig()) is UNKNOWN


def test_trust_that_one_way_of_reading_passes_over_needs_both_to_agree() -> None:
    files = {name: json.dumps(content.decode()) for name, content in SCENE.stranger.pem_files().items()}
    attestor = (
        f"keyless: {{identities: [{{issuer: '{ISSUER}', subject: '{WHO.subject}'}}], roots: {files['fulcio']}}}, "
        f"ctlog: {{url: https://x, rekorPubKey: {files['rekor']}, ctLogPubKey: {files['ctlog']}}}"
    )
    assert verdict(policy(attestor=attestor), sig(stack=SCENE.stranger)) is UNKNOWN
    assert verdict(policy(attestor=attestor), sig(OTHER)) is FAIL


def test_keys() -> None:
    key = derive("kyverno", "key")
    stored = sig_layer(STACK.seal_with_key(key, simple_signing(SCENE.digest, "ghcr.io/acme/shop")))

    def attestor(name: str) -> str:
        text = json.dumps(pem(derive("kyverno", name).public_key()).decode())
        return f"key: {{data: {text}}}, ctlog: {{insecureIgnoreTlog: true}}"

    assert verdict(policy(attestor=attestor("key")), stored, root=None) is PASS
    assert verdict(policy(attestor=attestor("other")), stored) is FAIL
    assert verdict(policy(attestor="key: {kms: 'gcpkms://x'}"), stored) is UNKNOWN
    assert verdict(policy(attestor="certificate: {cert: {value: x}}"), stored) is UNKNOWN


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_policy_with_everything() -> None:
    text = (FIXTURES / "release-images.yaml").read_text()
    ours = provenance("acme/shop", "refs/tags/v1.0.0")
    theirs = provenance("stranger/shop", "refs/tags/v1.0.0")

    def attested(predicate: object) -> Stored:
        return att_layer(
            STACK.attest(SCENE.digest, WHO, SCENE.at, predicate_type=SLSA_PROVENANCE, predicate=predicate)  # type: ignore[arg-type]
        )

    assert verdict(text, sig(), attested(ours)) is PASS
    assert verdict(text, sig(), attested(ours), resource=INIT) is PASS
    assert verdict(text, sig(), attested(theirs)) is FAIL
    assert verdict(text, sig()) is FAIL
    assert verdict(text, attested(ours)) is FAIL
    assert verdict(text, sig(), attested(ours), attested(theirs)) is UNKNOWN  # the engine reads one of the two
    assert verdict(text, sig(), image="docker.io/library/nginx") is SKIP


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("images.containers.all(i, image(i).registry() == 'ghcr.io')", PASS),
        ("images.containers.all(i, image(i).tag() == '1.0')", PASS),
        ("images.containers.all(i, image(i).containsDigest())", FAIL),
        ("images.containers.exists(i, i.startsWith('docker.io'))", FAIL),
        ("object.metadata.labels['app'] == 'web'", PASS),
        ("has(object.metadata.labels.nothing)", FAIL),
        ("object.kind == 'Pod' && object.metadata.namespace == 'prod'", PASS),
        ("images.containers.size() == 1", PASS),
        ("images.?initContainers.orValue([]).all(i, false)", PASS),
        # What only the engine knows, or the library lacks
        ("has(object.spec.hostNetwork)", UNKNOWN),
        ("object.spec.containers.all(c, true)", UNKNOWN),
        ("request.operation == 'CREATE'", UNKNOWN),
        ("object == object", UNKNOWN),
        ("namespaceObject.metadata.name == 'prod'", UNKNOWN),
        ("getImageData(images.containers[0]).config.user == '1'", UNKNOWN),
        ("images.?custom.orValue([]).all(i, true)", UNKNOWN),
        ("images.mine.all(i, true)", UNKNOWN),
        ("variables.nothing", UNKNOWN),
        ("cel.bind(x, true, x)", UNKNOWN),
        # The engine's own errors
        ("1", ERROR),
        ("verifyImageSignatures('x', ['nobody']) > 0", ERROR),
        ("extractPayload(images.containers[0], attestations.p).x == 1", ERROR),
    ],
)
def test_expressions(expression: str, expected: PolicyVerdict) -> None:
    lax = "validationConfigurations: {required: false}"
    assert verdict(policy(expression, spec=lax), sig()) is expected, said(
        load_text(policy(expression, spec=lax)), image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC
    )


def test_a_list_that_is_not_looked_at_is_not_checked_and_required_says_so() -> None:
    assert verdict(policy(spec="validationConfigurations: {required: false}"), resource=INIT) is PASS
    assert verdict(policy(), resource=INIT) is UNKNOWN


def test_doubts_decide_nothing_unless_something_else_does() -> None:
    late = sig(ceremony=TIMESTAMP_ONLY)
    asking = GOOD + ", ctlog: {url: https://rekor.sigstore.dev}"
    assert verdict(policy(attestor=asking), late) is UNKNOWN
    assert verdict(policy("false", attestor=asking), late) is FAIL
    either = f"{SIGNED} || true"
    assert verdict(policy(either, attestor=asking, spec="validationConfigurations: {required: false}"), late) is PASS
    negated = "images.containers.all(i, verifyImageSignatures(i, [attestors.a]) == 0)"
    lax = "validationConfigurations: {required: false}"
    assert verdict(policy(negated, attestor=asking, spec=lax), late) is UNKNOWN
    assert verdict(policy(negated, attestor=asking), late) is FAIL  # verified or not: one of the two refuses it


@pytest.mark.parametrize(
    "expression",
    [
        "images.containers.all(a, " * 2
        + "["
        + ",".join("1" * 600)
        + "].all(b, ["
        + ",".join("1" * 600)
        + "].all(c, true))"
        + ")" * 2,
        "(" * 3000 + "true" + ")" * 3000,
        "'a'.matches('(a+)+$') && 'x'.matches('(?=x)')",
    ],
)
def test_expressions_that_would_run_long_end(expression: str) -> None:
    assert verdict(policy(expression), sig()) is UNKNOWN


# ── what it is about, and what happens then ──────────────────────────────────────────────────────────────────────────────


def test_constraints_and_conditions() -> None:
    assert verdict(policy(), resource=DEPLOYMENT) is FAIL
    assert verdict(policy(), resource=Resource("Widget", "acme.example/v1", "w", "prod")) is SKIP
    only = policy().replace("resources: [pods]", "resources: [services]")
    assert verdict(only) is SKIP
    labelled = "matchConditions: [{name: a, expression: \"object.metadata.labels['app'] == '%s'\"}]"
    assert verdict(policy(spec=labelled % "web")) is FAIL
    assert verdict(policy(spec=labelled % "api")) is SKIP
    hidden = "matchConditions: [{name: a, expression: 'has(object.spec.x)'}]"
    assert verdict(policy(spec=hidden)) is UNKNOWN
    assert verdict(policy(spec=hidden), sig()) is PASS


def test_namespaced() -> None:
    text = policy(kind="NamespacedImageValidatingPolicy").replace("{name: signed}", "{name: signed, namespace: test}")
    assert verdict(text) is SKIP
    assert verdict(text.replace("namespace: test", "namespace: prod")) is FAIL


def test_references() -> None:
    assert verdict(policy(match="[{glob: '{docker.io,ghcr.io}/acme/[!x]*'}]")) is FAIL
    assert (
        verdict(policy(match="[{glob: 'docker.io/*'}, {expression: \"image(ref).registry() == 'ghcr.io'\"}]")) is FAIL
    )
    assert verdict(policy(match="[{expression: \"image(ref).registry() == 'quay.io'\"}]")) is SKIP
    assert (
        verdict(policy(match="[{glob: 'docker.io/library/nginx*'}]"), image="nginx") is SKIP
    )  # as written, it has no host


def test_actions_and_digests() -> None:
    assert verdict(policy(spec="validationActions: [Audit]")) is WARN
    assert verdict(policy(spec="validationActions: [Warn]")) is WARN
    unpinned = "validationConfigurations: {mutateDigest: false}"
    assert verdict(policy(spec=unpinned), sig()) is FAIL
    assert verdict(policy(spec=unpinned), sig(), image=f"ghcr.io/acme/shop@{DIGEST}") is PASS
    # It verifies the name as written and pins by the normalised one: a glob that takes only the first leaves the tag.
    assert verdict(policy(match="[{glob: 'shop*'}]"), sig(), image="shop:1") is FAIL


def test_exceptions() -> None:
    exception = (
        "apiVersion: policies.kyverno.io/v1\nkind: PolicyException\nmetadata: {name: later}\nspec:\n"
        "  policyRefs: [{name: signed, kind: ImageValidatingPolicy}]\n"
        "  matchConditions: [{name: a, expression: \"object.metadata.name == '%s'\"}]\n"
    )
    image = image_of(IMAGE, resources=(POD,))
    assert said(load_text(policy(), exception % "web"), image, PUBLIC)[0] is SKIP
    assert said(load_text(policy(), exception % "api"), image, PUBLIC)[0] is FAIL


def test_signatures_elsewhere() -> None:
    loaded = load_text(policy(attestor=GOOD + ", source: {repository: registry.acme.example/signatures}"))
    here = image_of(IMAGE, [sig()], resources=(POD,))
    listing = Listing((as_material(sig()),))
    there = Inspected(
        IMAGE, here.reference, here.evidence, Listing(), (POD,), {"registry.acme.example/signatures": listing}
    )
    assert said(loaded, here, PUBLIC)[0] is UNKNOWN
    assert said(loaded, there, PUBLIC)[0] is PASS


@pytest.mark.parametrize(("version", "expected"), [("1.13", UNKNOWN), ("1.17", PASS), ("1.19", FAIL)])
def test_versions(version: str, expected: PolicyVerdict) -> None:
    text = policy(spec="validationConfigurations: {mutateDigest: false}")
    found = find_policies(MemoryTree({"p.yaml": text.encode()}, "test"))
    loaded = load_policies(found, Versions(Kyverno(version)))
    assert said(loaded, image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC)[0] is expected


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (policy("images.containers.map("), 10, "CEL"),
        (policy(spec="matchConditions: [{name: a, expression: '1 +'}]"), 9, "CEL"),
        (policy(match="[{glob: 'ghcr.io/{a'}]"), 6, "glob"),
        (policy(attestor="keyless: {identities: [{subjectRegExp: '(?=x)'}]}"), 7, "RE2"),
        (policy(attestor="key: {data: nothing}"), 7, "PEM"),
        (policy(attestor=GOOD + ", key: {kms: x}"), 7, "exactly one"),
        (policy().replace("policies.kyverno.io/v1", "policies.kyverno.io/v2"), 1, "apiVersion"),
        (policy(spec="validationActions: [Deny, Warn]"), 9, "Deny"),
        (policy().replace("name: signed}", "name: '{{ .Release.Name }}'}"), 3, "template"),
    ],
)
def test_a_mistake_has_its_line_and_never_passes(text: str, line: int, words: str) -> None:
    loaded = load_text(text)
    assert any(words in each.message and each.place.line == line for each in loaded.mistakes), loaded.mistakes
    assert said(loaded, image_of(IMAGE, [sig()], resources=(POD,)), PUBLIC)[0] is UNKNOWN
