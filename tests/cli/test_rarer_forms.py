"""Forms and keys that few people have, from manifests to verdict: cosign's OCI 1.1 referrers, and logs with other keys."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from fixtures.registry import OciRegistry
from fixtures.sigstore import REKOR_V2, Sigstore, bundle, github, sig_layer
from fixtures.sigstore.keys import Algorithm
from fixtures.sigstore.push import push_oci11, push_signatures
from tests.cli.house import AT, House, Images


def test_signatures_as_oci_1_1_referrers(house: House) -> None:
    """Simple signing payloads in a referrer, without a `.sig` tag: what is good, and each of the attacks on it."""
    with OciRegistry() as registry:
        images = Images(registry)
        expected = {
            "good": "verified",
            "stranger": "wrong-signer",
            "moved": "invalid",
            "swapped": "invalid",
            "both": "verified",
        }
        digests = {name: images.push(name) for name in expected}
        layers = {
            name: sig_layer(images.sigstore.sign(digest, github(f"acme/{name}"), AT))
            for name, digest in digests.items()
        }
        foreign = sig_layer(images.sigstore.sign(digests["stranger"], github("evil/stranger"), AT))
        push_oci11(registry, "acme/good", digests["good"], layers["good"])
        push_oci11(registry, "acme/stranger", digests["stranger"], foreign)
        push_oci11(registry, "acme/moved", digests["moved"], layers["good"])
        swapped = replace(layers["swapped"], annotations=foreign.annotations)
        push_oci11(registry, "acme/swapped", digests["swapped"], swapped)
        push_oci11(registry, "acme/both", digests["both"], foreign)
        push_signatures(registry, "acme/both", digests["both"], layers["both"])
        house.commit_base({"auditor.yaml": images.rules(), "api.yaml": ""})
        house.commit({"new.yaml": images.pod(*expected)})
        ran = house.check()
        asked = registry.asked()
    assert (ran.status, ran.verdicts) == (1, expected)
    shown = {image["name"].rpartition("/")[2]: image["signatures"] for image in ran.report["images"]}
    assert [each["status"] for each in shown["good"]] == ["valid"]
    assert sorted(each["status"] for each in shown["both"]) == ["refused", "valid"]
    assert not any("PUT" in line or "POST" in line for line in asked)


LOG_KEYS = [Algorithm.P256, Algorithm.P384, Algorithm.P521, Algorithm.ED25519]


@pytest.mark.parametrize("algorithm", LOG_KEYS, ids=str)
def test_logs_with_keys_of_each_kind(house: House, algorithm: Algorithm) -> None:
    """A checkpoint counts if this log signed it: not if another log with a key of the same kind did."""
    sigstore = Sigstore("keys.acme.example", rekor_v2_algorithm=algorithm)
    other = Sigstore("other.acme.example", rekor_v2_algorithm=algorithm)
    with OciRegistry() as registry:
        images = Images(registry)
        digest = images.push("logged")
        push_signatures(
            registry, "acme/logged", digest, bundle(sigstore.attest(digest, github("acme/logged"), AT, REKOR_V2))
        )
        root, foreign = sigstore.trusted_root(), other.trusted_root()
        swapped = root | {
            "tlogs": [_with_key(log, theirs) for log, theirs in zip(root["tlogs"], foreign["tlogs"], strict=True)]
        }
        house.commit_base({"auditor.yaml": images.rules(), "trust/root.json": json.dumps(root), "api.yaml": ""})
        house.commit({"new.yaml": images.pod("logged")})
        assert house.check().verdicts == {"logged": "verified"}
        house.git("checkout", "--quiet", "main")
        house.commit({"trust/root.json": json.dumps(swapped)})
        house.git("checkout", "--quiet", "-B", "change")
        house.commit({"new.yaml": images.pod("logged")})
        assert house.check().verdicts == {"logged": "invalid"}


def _with_key(log: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    """A log under its own name, with the key of another."""
    return log | {"publicKey": other["publicKey"]}
