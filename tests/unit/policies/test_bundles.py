"""Which bundles the engines read: what one of them passes over never speaks for an image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.model.evidence import Form
from auditor.model.reference import Digest
from auditor.policies.bundles import is_read_by_kyverno, read_by_cosign
from auditor.registry.material import BundleBytes, Listing, SimpleSigning

V3 = "application/vnd.dev.sigstore.bundle.v0.3+json"


def made(document: Any = None, **more: Any) -> BundleBytes:
    content = json.dumps({"mediaType": V3, "dsseEnvelope": {}} if document is None else document).encode()
    return BundleBytes(content, Digest.of(content), **{"media_type": V3, "artifact_type": V3, **more})


@pytest.mark.parametrize(
    "bundle",
    [
        made(),
        made(media_type=None),
        made({"mediaType": "application/vnd.dev.sigstore.bundle.v0.12+json", "dsseEnvelope": {}}),
        made({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3", "dsseEnvelope": {}}),
        made({"media_type": V3, "dsse_envelope": {}}),
        made([], media_type=V3),
    ],
    ids=["plain", "unlisted", "newer", "parameter", "snake", "no-object"],
)
def test_cosign_reads(bundle: BundleBytes) -> None:
    listing = Listing((bundle,))
    assert read_by_cosign(listing) is listing


@pytest.mark.parametrize(
    "bundle",
    [
        made(layers=2),
        made(layers=2, position=1),
        made(media_type="application/octet-stream"),
        made({"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2", "dsseEnvelope": {}}),
        made({"mediaType": "application/vnd.dev.sigstore.bundle.v0.1+json", "dsseEnvelope": {}}),
        made({"mediaType": "text/plain", "dsseEnvelope": {}}),
        made({"dsseEnvelope": {}}),
    ],
    ids=["first-of-two", "second-of-two", "other-type", "old", "oldest", "no-bundle", "untyped"],
)
def test_cosign_passes_over(bundle: BundleBytes) -> None:
    beside = SimpleSigning(b"", Digest.of(b""), {})
    assert read_by_cosign(Listing((bundle, beside))).materials == (beside,)


def test_a_bundle_of_a_message_speaks_for_nothing_and_keeps_cosign_from_classic_signatures() -> None:
    mute = made({"mediaType": V3, "messageSignature": {}})
    beside = SimpleSigning(b"", Digest.of(b""), {})
    seen = read_by_cosign(Listing((mute, beside)))
    assert seen.materials == (beside,)
    assert [each.form for each in seen.faults] == [Form.BUNDLE]


@pytest.mark.parametrize(
    ("bundle", "read"),
    [
        (made(), True),
        (made(artifact_type=None), True),
        (made(layers=2, position=0), True),
        (made(layers=2, position=1), False),
        (made(artifact_type="text/plain"), False),
    ],
    ids=["listed", "unlisted", "first", "second", "listed-as-other"],
)
def test_kyverno_reads_the_first_layer_of_what_is_listed(bundle: BundleBytes, read: bool) -> None:
    assert is_read_by_kyverno(bundle) is read
