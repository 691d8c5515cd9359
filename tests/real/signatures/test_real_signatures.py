"""Every real signature comes out as the people who made the collection found it to be."""

from __future__ import annotations

import pytest

from auditor.errors import ConfigurationError
from auditor.model.evidence import Form, KeySigned, Refused, Signature, Signed
from auditor.signatures.provenance import read_provenance
from tests.support.signatures import REAL, RealCase, needs_real_data, real_cases, real_verifier, verifier_of

pytestmark = [pytest.mark.real, needs_real_data]

CASES = real_cases()
BUNDLES = [case for case in CASES if "bundle_file" in case.fields]


def outcome(signature: Signature) -> str:
    match signature:
        case Signed(attestation=True):
            return "attestation-only"
        case Signed():
            return "verified"
        case KeySigned():
            return "keyed-only"
        case Refused():
            return "refused"
        case _:
            pytest.fail(f"not a word about a signature: {signature}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_outcome_is_the_expected_one(case: RealCase) -> None:
    signatures = [real_verifier(case.root).verify(material, case.digest) for material in case.materials()]
    assert [outcome(each) for each in signatures] == [case.outcome] * len(signatures), signatures


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_signers_are_the_expected_ones(case: RealCase) -> None:
    expected = case.fields["expected"]
    found = {
        (signature.identity.subject, signature.identity.issuer)
        for signature in (real_verifier(case.root).verify(material, case.digest) for material in case.materials())
        if isinstance(signature, Signed)
    }
    if case.fields["form"] != "conformance":
        assert found == {(each["san"], each["issuer"]) for each in expected["identities"]}
    assert not found & {(each["san"], each["issuer"]) for each in expected.get("not_identities", ())}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_predicate_types_are_the_expected_ones(case: RealCase) -> None:
    expected = case.fields["expected"]
    types = expected.get("predicate_types") or ([expected["predicate_type"]] if expected["predicate_type"] else [])
    signatures = [real_verifier(case.root).verify(material, case.digest) for material in case.materials()]
    assert [each.predicate for each in signatures if isinstance(each, Signed) and each.predicate] == types


@pytest.mark.parametrize("case", [case for case in BUNDLES if case.artifact is not None], ids=lambda case: case.id)
def test_file_with_its_bytes_comes_out_the_same(case: RealCase) -> None:
    assert case.artifact is not None
    content = (REAL / case.fields["bundle_file"]).read_bytes()
    assert outcome(real_verifier(case.root).verify_file(content, case.artifact)) == case.outcome


@pytest.mark.parametrize("case", BUNDLES, ids=lambda case: case.id)
def test_bundle_of_another_file_is_refused(case: RealCase) -> None:
    content = (REAL / case.fields["bundle_file"]).read_bytes()
    signature = real_verifier(case.root).verify_file(content, b"another file")
    if case.outcome == "keyed-only":
        assert signature == KeySigned(signature.form) or isinstance(signature, Refused)
    else:
        assert isinstance(signature, Refused)


@pytest.mark.parametrize("case", [case for case in CASES if case.fields.get("key_file")], ids=lambda case: case.id)
def test_key_counts_only_if_it_made_the_signature(case: RealCase) -> None:
    assert case.artifact is not None
    content = (REAL / case.fields["bundle_file"]).read_bytes()
    key = (REAL / case.fields["key_file"]).read_bytes()
    if case.fields["expected"]["upstream"] == "pass":
        assert verifier_of(keys={"the key": key}).verify_file(content, case.artifact) == KeySigned(
            Form.BUNDLE, ("the key",)
        )
    else:
        with pytest.raises(ConfigurationError):  # the file is no point of the curve
            verifier_of(keys={"the key": key})


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome in {"verified", "attestation-only"}], ids=lambda case: case.id
)
def test_nothing_verifies_for_another_digest_or_without_its_root(case: RealCase) -> None:
    other = next(each.digest for each in CASES if each.digest != case.digest)
    for material in case.materials():
        assert isinstance(real_verifier(case.root).verify(material, other), Refused)
        assert isinstance(real_verifier("scaffolding.json").verify(material, case.digest), Refused)


PROVENANCE = {
    "bcr-right-signer": (
        "https://github.com/aspect-build/rules_lint",
        "https://github.com/bazel-contrib/publish-to-bcr/",
    ),
    "github-private-image-attestation": (
        "https://github.com/github/artifact-attestations-opa-provider",
        "https://github.com/github/artifact-attestations-opa-provider/",
    ),
    "slsa-generic-container-att-v1.4.0": (
        "https://github.com/slsa-framework/example-package",
        "https://github.com/slsa-framework/slsa-github-generator/",
    ),
    "slsa-generic-container-att-v1.10.0": (
        "https://github.com/slsa-framework/example-package",
        "https://github.com/slsa-framework/slsa-github-generator/",
    ),
}
"""By case: the source, and what the builder's id begins with."""


@pytest.mark.parametrize("case", [case for case in CASES if case.id in PROVENANCE], ids=lambda case: case.id)
def test_source_and_builder_of_provenance(case: RealCase) -> None:
    for material in case.materials():
        signature = real_verifier(case.root).verify(material, case.digest)
        assert isinstance(signature, Signed)
        assert signature.statement is not None
        told = read_provenance(signature.statement)
        source, builder = PROVENANCE[case.id]
        assert told.source == source
        assert isinstance(told.builder, str)
        assert told.builder.startswith(builder)
