"""Whatever stands in a policy file, every engine's reader gives policies and mistakes, and the lints give findings."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.model.report import PolicyVerdict
from auditor.policies.found import find_policies
from auditor.policies.lint.run import lint
from auditor.policies.load import load_policies
from auditor.source.memory import MemoryTree
from tests.support.policies import image_of, judgments

KINDS = [
    ("policy.sigstore.dev/v1beta1", "ClusterImagePolicy"),
    ("policy.sigstore.dev/v1alpha1", "TrustRoot"),
    ("source.toolkit.fluxcd.io/v1", "OCIRepository"),
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    ("kyverno.io/v1", "ClusterPolicy"),
    ("policies.kyverno.io/v1", "ImageValidatingPolicy"),
    ("", ""),
]
KEYS = [
    "images",
    "glob",
    "match",
    "resource",
    "version",
    "selector",
    "matchLabels",
    "matchExpressions",
    "operator",
    "values",
    "mode",
    "authorities",
    "name",
    "key",
    "data",
    "secretRef",
    "kms",
    "keyless",
    "identities",
    "issuer",
    "subject",
    "issuerRegExp",
    "subjectRegExp",
    "url",
    "ca-cert",
    "trustRootRef",
    "insecureIgnoreSCT",
    "static",
    "action",
    "ctlog",
    "rfc3161timestamp",
    "source",
    "oci",
    "tagPrefix",
    "attestations",
    "predicateType",
    "policy",
    "type",
    "configMapRef",
    "remote",
    "signatureFormat",
    "sigstoreKeys",
    "certificateAuthorities",
    "certChain",
    "tLogs",
    "publicKey",
    "verify",
    "provider",
    "matchOIDCIdentity",
    "chart",
    "spec",
    "application",
    "validators",
    "trustRoots",
    "pattern",
    "with",
    "threshold",
    "required",
    "rules",
    "verifyImages",
    "imageReferences",
    "attestors",
    "entries",
    "count",
    "validations",
    "expression",
    "cosign",
]
LEAF = st.one_of(
    st.sampled_from(
        ["", "pass", "rego", "cue", "bundle", "warn", "*", "**", "ghcr.io/acme/*", "(", "{{ .Values.x }}", "default"]
    ),
    st.booleans(),
    st.none(),
    st.integers(-1, 3),
    st.text(max_size=8),
)
BODY = st.recursive(
    LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)


def mutated(draw: Any, value: Any) -> Any:
    """The value with parts of it replaced."""
    if draw(st.integers(0, 6)) == 0:
        return draw(BODY)
    if isinstance(value, dict):
        return {key: mutated(draw, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [mutated(draw, inner) for inner in value]
    return value


CIP = {
    "images": [{"glob": "ghcr.io/acme/**"}],
    "match": [{"resource": "pods", "version": "v1", "selector": {"matchLabels": {"a": "b"}}}],
    "authorities": [
        {
            "keyless": {"identities": [{"issuer": "a", "subjectRegExp": "^b$"}], "trustRootRef": "x"},
            "ctlog": {"url": "https://rekor.sigstore.dev"},
            "attestations": [{"name": "a", "predicateType": "custom", "policy": {"type": "cue", "data": "a"}}],
        }
    ],
}
VALUES = {
    "validators": [
        {"name": "default", "type": "cosign", "trustRoots": [{"name": "a", "keyless": {"issuer": "a", "subject": "b"}}]}
    ],
    "policy": [{"pattern": "*:*", "with": {"threshold": 1, "required": ["a"]}}],
}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_policy_file_breaks_a_run(data: st.DataObject) -> None:
    version, kind = data.draw(st.sampled_from(KINDS))
    spec = data.draw(BODY) if kind not in {"ClusterImagePolicy", ""} else mutated(data.draw, CIP if kind else VALUES)
    document = (
        {"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
        if kind
        else {"application": spec}
    )
    tree = MemoryTree({"policy.yaml": json.dumps(document).encode()}, "test")
    found = find_policies(tree)
    loaded = load_policies(found)
    rows = judgments(loaded, image_of("ghcr.io/acme/api:1"))
    assert all(each.ruling.verdict in PolicyVerdict for each in rows)
    assert all(each.ruling.why for each in rows)
    findings = lint(found.objects, loaded.mistakes)
    assert all(each.place is not None for each in findings)
