"""The real cosign 3 beside our samples and attacks: what it says of each, and why where we differ."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Scene

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ROOT = Path(__file__).parents[2]

COSIGN_IS_LAXER = {
    "sig_of_another_type": "it does not read `critical.type`",
    "statement_of_an_unknown_type": "it does not compare the statement's `_type`",
    "sig_without_any_time_and_a_certificate_for_years": "without any time it asks the wall clock",
    "authority_as_a_leaf": "it does not ask whether the leaf is an authority",
    "certificate_without_extended_usage": "Go takes a certificate without extended usages for all of them",
    "one_good_time_and_one_bad": "one good time is enough for it; sigstore-python wants all of them to be good",
    "sig_by_a_short_rsa_key": "it sets no least size",
    "bundle_whose_entry_says_another_kind_than_its_body": "it reads the body alone",
    "bundle_with_a_proof_beyond_the_tree": "it takes the entry's index and ignores the proof's",
    "rekor_v1_bundle_with_a_checkpoint_of_another_origin": "it does not tie the origin to the log's name",
    "sig_with_a_timestamp_whose_signer_has_a_name_in_no_known_type": "the time of the log is enough for it",
    "sig_of_two_digests": "of a key that is written twice it takes the last",
    "two_subjects": "any name of the certificate may match",
    "subject_of_an_unknown_kind": "a DNS name is a name to it",
}
"""Attacks that cosign 3.1.3 accepts, any identity allowed. The auditor refuses them."""


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], tuple[int, str]]:
    cosign = os.environ.get("COSIGN") or shutil.which("cosign") or str(ROOT / ".cache/tools/cosign")
    if not Path(cosign).exists():
        pytest.skip("no cosign: neither $COSIGN, nor on PATH, nor .cache/tools/cosign")
    command = [sys.executable, "-m", "tests.interop.cosign_judges", cosign]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=800, check=False)
    assert done.returncode == 0, done.stderr
    return {(kind, name): (status, why) for kind, name, status, why in json.loads(done.stdout)}


def test_every_sample_is_accepted_but_for_those_with_a_reason(answers: dict[tuple[str, str], tuple[int, str]]) -> None:
    wrong = {
        sample.name: answers["sample", sample.name]
        for sample in samples(Scene())
        if (answers["sample", sample.name][0] == 0) != (sample.unread_by_cosign is None)
    }
    assert not wrong


def test_bundles_under_the_fallback_tag_fare_the_same(answers: dict[tuple[str, str], tuple[int, str]]) -> None:
    fallback = {name: status for (kind, name), (status, _) in answers.items() if kind == "fallback"}
    assert fallback
    assert {name: answers["sample", name][0] for name in fallback} == fallback


def test_every_attack_is_refused_but_for_those_with_a_reason(answers: dict[tuple[str, str], tuple[int, str]]) -> None:
    accepted = {name for (kind, name), (status, _) in answers.items() if kind == "attack" and status == 0}
    assert accepted == set(COSIGN_IS_LAXER)
