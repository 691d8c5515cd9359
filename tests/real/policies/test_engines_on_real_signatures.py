"""What the engines' readings make of signatures that others have published: accepted under their signer's name, and no other."""

from __future__ import annotations

from collections import Counter

import pytest

from auditor.model.evidence import Evidence, Form, Resolved, Signed
from auditor.model.reference import Reference
from auditor.model.report import PolicyVerdict
from auditor.policies.inspected import Inspected
from auditor.registry.material import Listing
from tests.support.policies import load_text, said
from tests.support.signatures import RealCase, needs_real_data, real_cases, real_root, real_verifier

pytestmark = [pytest.mark.real, needs_real_data]

CIP = """apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: real}
spec:
  images: [{glob: "registry.example/real/**"}]
  authorities: [{keyless: {identities: [{issuer: 'ISSUER', subject: 'SUBJECT'}]}}]
"""
CONNAISSEUR = """application:
  validators:
  - name: default
    type: cosign
    trustRoots: [{name: default, keyless: {issuer: 'ISSUER', subject: 'SUBJECT'}}]
  policy: [{pattern: "*:*"}]
"""
NOBODY = "https://github.com/nobody/nothing/.github/workflows/x.yaml@refs/heads/main"
CASES = [each for each in real_cases() if each.fields["form"] == "legacy-sig"]


def inspected(case: RealCase) -> Inspected:
    text = f"registry.example/real/image@{case.digest}"
    listing = Listing(tuple(case.materials()))
    return Inspected(text, Reference.parse(text), Evidence(Resolved(case.digest)), listing)


def signers(case: RealCase) -> list[Signed]:
    verified = [real_verifier(case.root).verify(each, case.digest) for each in case.materials()]
    return [each for each in verified if isinstance(each, Signed) and each.form is Form.SIG]


@pytest.mark.parametrize("policy", [CIP, CONNAISSEUR], ids=["policy-controller", "connaisseur"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_signature_counts_for_its_signer_alone(case: RealCase, policy: str) -> None:
    image, root = inspected(case), real_root(case.root)
    found = signers(case)
    for each in found:
        issuer = each.identity.issuer or ""
        own = policy.replace("ISSUER", issuer).replace("SUBJECT", each.identity.subject)
        assert said(load_text(own), image, root)[0] is PolicyVerdict.PASS
    nobody = policy.replace("ISSUER", "https://token.actions.githubusercontent.com").replace("SUBJECT", NOBODY)
    assert said(load_text(nobody), image, root)[0] is not PolicyVerdict.PASS


def test_there_is_something_to_accept() -> None:
    assert Counter(bool(signers(case)) for case in CASES)[True] > 5
