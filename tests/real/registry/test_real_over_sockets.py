"""Every real signature, served by a registry over real sockets, comes out as its collectors found it to be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import assert_never

import pytest
from msgspec.structs import replace

from auditor.model.evidence import KeySigned, Refused, Resolved, Signature, Signed
from auditor.model.reference import Digest, Reference
from auditor.registry.material import BundleBytes, LegacyAttestation, Listing, Material, SimpleSigning
from fixtures.registry import OciRegistry, Quirks
from fixtures.registry.images import DSSE, SIMPLE_SIGNING, put_layers, tag_of
from tests.registry.asking import client
from tests.support.signatures import REAL, RealCase, needs_real_data, real_cases, real_verifier

pytestmark = [pytest.mark.real, needs_real_data]

CASES = real_cases()
Listed = dict[str, Listing]


def outcome(signature: Signature) -> str:
    match signature:
        case Signed(attestation=attestation):
            return "attestation-only" if attestation else "verified"
        case KeySigned():
            return "keyed-only"
        case Refused():
            return "refused"
        case _:
            return f"unreadable: {signature.fault}"


def name_of(case: RealCase) -> str:
    return f"real/{case.id.lower().replace('_', '-').replace('.', '-')}"


def serve(registry: OciRegistry, case: RealCase) -> None:
    """Push what signs the case's digest, in the form in which it was found."""
    name, digest = name_of(case), str(case.digest)
    if bundle := case.fields.get("bundle_file"):
        registry.put_bundle(name, digest, (REAL / bundle).read_bytes())
        return
    legacy = case.fields["form"] == "legacy-sig"
    media_type, suffix = (SIMPLE_SIGNING, ".sig") if legacy else (DSSE, ".att")
    layers = [((REAL / layer["payload_file"]).read_bytes(), layer["annotations"]) for layer in case.fields["layers"]]
    if case.fields.get("signature_manifest_exact"):
        for content, _ in layers:
            registry.put_blob(name, content)
        exact = (REAL / case.fields["signature_manifest_file"]).read_bytes()
        registry.push_manifest(name, exact, tag_of(digest, suffix))
    else:
        put_layers(registry.store, name, media_type, layers, tag=tag_of(digest, suffix))


@pytest.fixture(scope="module", params=[Quirks(), Quirks(referrers=False)], ids=["api", "fallback"])
def listed(request: pytest.FixtureRequest) -> Iterator[Listed]:
    """What the client finds for every case, asked for all at once."""
    with OciRegistry(quirks=request.param) as registry, client(registry) as opened:
        for case in CASES:
            serve(registry, case)

        def ask(case: RealCase) -> tuple[str, Listing]:
            reference = Reference.parse(registry.reference(name_of(case), digest=str(case.digest)))
            assert opened.resolve(reference) == Resolved(case.digest)
            return case.id, opened.signatures(reference, case.digest)

        with ThreadPoolExecutor(16) as pool:
            yield dict(pool.map(ask, CASES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_outcome_over_sockets(case: RealCase, listed: Listed) -> None:
    found = listed[case.id]
    assert found.faults == ()
    assert sorted(map(_stored, found.materials)) == sorted(map(_stored, case.materials()))
    signatures = [real_verifier(case.root).verify(material, case.digest) for material in found.materials]
    assert [outcome(each) for each in signatures] == [case.outcome] * len(signatures), signatures
    assert all(layer.layer == Digest.of(_bytes(layer)) for layer in found.materials)


def _stored(material: Material) -> str:
    """What is stored of it; how a list of referrers calls it is the registry's word."""
    match material:
        case BundleBytes():
            return repr(replace(material, artifact_type=None, media_type=None))
        case SimpleSigning():
            return repr(replace(material, artifact_type=None))
        case LegacyAttestation():
            return repr(material)
        case _:
            assert_never(material)


def _bytes(material: object) -> bytes:
    names = ("payload", "envelope", "content")
    return next(bytes(getattr(material, name)) for name in names if hasattr(material, name))
