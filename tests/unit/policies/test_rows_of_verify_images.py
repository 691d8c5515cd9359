"""Fields of a `verifyImages` rule that decide, one row each: what they let in, and what they keep out."""

from __future__ import annotations

import json

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Containers, Resource
from auditor.signatures.root import Root
from fixtures.sigstore import Sigstore, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.stack import TIMESTAMP_ONLY
from tests.support.policies import image_of, load_text, said
from tests.support.signatures import made_root

PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
UNKNOWN = PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
STACK = SCENE.stack
WHO = SCENE.claimant
PUBLIC: Root = made_root(STACK, "public-good")
IMAGE = "ghcr.io/acme/shop:1.0"
LOG = "rekor: {url: https://rekor.sigstore.dev}"
IDENTITY = f"issuer: '{WHO.issuer}', subject: '{WHO.subject}'"
ENTRY = f"{{keyless: {{{IDENTITY}, {LOG}}}}}"
SIG = sig_layer(STACK.sign(SCENE.digest, WHO, SCENE.at))
STAMPED = sig_layer(STACK.sign(SCENE.digest, WHO, SCENE.at, TIMESTAMP_ONLY))
POD = Resource("Pod", "v1", "web", "prod", (("app", "web"),), "app", frozenset({Containers.NORMAL}))
CRONJOB = Resource("CronJob", "batch/v1", "web", "prod", (), "app", frozenset({Containers.NORMAL}))
TASK = Resource("Task", "tekton.dev/v1", "build", "prod")


def policy(entry: str = ENTRY, *, verify: str = "", rule: str = "", spec: str = "", kinds: str = "[Pod]") -> str:
    lines = [
        "apiVersion: kyverno.io/v1",
        "kind: ClusterPolicy",
        "metadata: {name: signed}",
        "spec:",
        "  validationFailureAction: Enforce",
        *([f"  {spec}"] if spec else []),
        "  rules:",
        "  - name: signed",
        f"    match: {{any: [{{resources: {{kinds: {kinds}}}}}]}}",
        *([f"    {rule}"] if rule else []),
        "    verifyImages:",
        f"    - {{imageReferences: ['ghcr.io/acme/*'], attestors: [{{entries: [{entry}]}}]{', ' + verify if verify else ''}}}",
    ]
    return "\n".join(lines) + "\n"


def verdict(text: str, *stored: Stored, resource: Resource = POD, image: str = IMAGE) -> PolicyVerdict:
    return said(load_text(text), image_of(image, stored, resources=(resource,)), PUBLIC)[0]


def stamped_by(stack: Sigstore) -> str:
    """An entry that demands a time stamp of this deployment."""
    chain = json.dumps(stack.pem_files()["tsa"].decode())
    return f"{{keyless: {{{IDENTITY}, rekor: {{url: https://x, ignoreTlog: true}}, ctlog: {{tsaCertChain: {chain}}}}}}}"


def test_a_time_stamp_is_by_the_authority_that_the_policy_names() -> None:
    assert verdict(policy(stamped_by(STACK)), STAMPED) is PASS
    assert verdict(policy(stamped_by(SCENE.stranger)), STAMPED) is not PASS
    assert verdict(policy(stamped_by(STACK)), SIG) is not PASS


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("celPreconditions: [{name: a, expression: 'true'}]", UNKNOWN),
        ("preconditions: {all: [{key: '{{request.userInfo.username}}', operator: Equals, value: ci}]}", UNKNOWN),
        ("preconditions: {all: [{key: '{{request.object.metadata.labels.app}}', operator: Equals, value: web}]}", FAIL),
        ("preconditions: {all: [{key: '{{request.object.metadata.labels.app}}', operator: Equals, value: db}]}", SKIP),
    ],
)
def test_conditions_of_a_rule_without_a_signature(rule: str, expected: PolicyVerdict) -> None:
    assert verdict(policy(rule=rule)) is expected
    assert verdict(policy(rule=rule), SIG) is (SKIP if expected is SKIP else PASS)


def test_images_in_resources_that_only_extractors_find() -> None:
    extractors = "imageExtractors: {Task: [{path: /spec/steps/*/image}]}"
    assert verdict(policy(kinds="[Task]", rule=extractors), SIG, resource=TASK) is UNKNOWN
    assert verdict(policy(kinds="[Task]"), resource=TASK) is SKIP


def test_a_policy_that_is_off_at_admission_says_nothing() -> None:
    assert verdict(policy(spec="admission: false")) is SKIP
    assert verdict(policy(spec="admission: true")) is FAIL


@pytest.mark.parametrize(
    ("verify", "expected"),
    [
        ("validate: {deny: {}}", UNKNOWN),
        ("type: Notary", UNKNOWN),
        ("cosignOCI11: true", UNKNOWN),
        ("useCache: false", PASS),
        ("imageRegistryCredentials: {allowInsecureRegistry: true}", PASS),
    ],
)
def test_fields_of_an_entry(verify: str, expected: PolicyVerdict) -> None:
    assert verdict(policy(verify=verify), SIG) is expected
    assert verdict(policy(verify=verify)) is (UNKNOWN if expected is UNKNOWN else FAIL)


def test_rules_about_pods_reach_cron_jobs_unless_the_policy_says_which_controllers() -> None:
    assert verdict(policy(), resource=CRONJOB) is FAIL
    text = policy().replace(
        "{name: signed}", "{name: signed, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}"
    )
    # The pod that the job will make is admitted by the rule itself.
    assert verdict(text, resource=CRONJOB) in {FAIL, UNKNOWN}
    assert verdict(text, SIG, resource=CRONJOB) is PASS


def test_overrides_name_namespaces() -> None:
    text = policy(
        verify="mutateDigest: false", spec="validationFailureActionOverrides: [{action: audit, namespaces: ['pr*']}]"
    )
    assert verdict(text) is WARN
    assert verdict(text, resource=Resource("Pod", "v1", "web", "test")) is FAIL
    selected = text.replace("namespaces: ['pr*']", "namespaceSelector: {matchLabels: {tier: dev}}")
    assert verdict(selected) is FAIL  # whose labels only the cluster knows


@pytest.mark.parametrize(
    "field",
    [
        "roots: nothing",
        "roots: '-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----'",
        "ctlog: {pubkey: nothing}",
        "ctlog: {tsaCertChain: nothing}",
    ],
    ids=["roots", "certificate", "ctlog", "stamps"],
)
def test_what_is_no_pem_is_a_mistake_at_its_field(field: str) -> None:
    loaded = load_text(policy(f"{{keyless: {{{IDENTITY}, {LOG}, {field}}}}}"))
    (mistake,) = loaded.mistakes
    key = field.partition(":")[0]
    assert (mistake.place.line, key in mistake.place.key_path, "PEM" in mistake.message) == (10, True, True)
    assert said(loaded, image_of(IMAGE, [SIG], resources=(POD,)), PUBLIC)[0] is UNKNOWN


def test_of_two_keys_in_one_field_both_must_have_signed_and_one_that_is_none_spoils_the_policy() -> None:
    good = pem(derive("kyverno", "key").public_key()).decode()
    bad = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
    loaded = load_text(policy(f"{{keys: {{publicKeys: {json.dumps(good + bad)}}}}}"))
    assert [each.place.key_path.rpartition(".")[2] for each in loaded.mistakes] == ["publicKeys"]
    assert said(loaded, image_of(IMAGE, [SIG], resources=(POD,)), PUBLIC)[0] is UNKNOWN


def test_alike_resources_share_an_answer_and_others_do_not() -> None:
    """The rule looks at namespaces: what it said of one must not be taken for another's."""
    text = policy().replace("kinds: [Pod]", "kinds: [Pod], namespaces: [prod]")
    loaded = load_text(text)
    other = Resource("Pod", "v1", "web", "test", (), "app", frozenset({Containers.NORMAL}))
    unnamed = Resource("Pod", "v1", "web", "", (), "app", frozenset({Containers.NORMAL}))
    for resource, expected in ((POD, FAIL), (other, SKIP), (POD, FAIL), (unnamed, UNKNOWN), (other, SKIP)):
        assert said(loaded, image_of(IMAGE, resources=(resource,)), PUBLIC)[0] is expected
