"""Every conformance case of the real data through the suite's own command line protocol: a process, its status, its streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.conformance.client import STAGING, translate
from tests.support.signatures import REAL, RealCase, needs_real_data, real_cases

pytestmark = [pytest.mark.real, needs_real_data]

CLIENT = Path(__file__).with_name("client.py")
CASES = [case for case in real_cases() if case.fields["form"] == "conformance"]
ACCEPTED = [case for case in CASES if case.fields["expected"]["upstream"] == "pass"]


def client(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The client in an environment that names nothing, and that no proxy or cache of this machine reaches into."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AUDITOR_OFFLINE": "1"}
    command = [sys.executable, str(CLIENT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


def verify_bundle(case: RealCase, *, artifact: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """As the suite calls it: an identity and an issuer, or a key."""
    policy = case.fields["policy"] or {"san": "https://github.com/acme/none", "issuer": "https://issuer.acme.example"}
    options = {"bundle": str(REAL / case.fields["bundle_file"])}
    if key := case.fields.get("key_file"):
        options["key"] = str(REAL / key)
    else:
        options |= {"certificate-identity": policy["san"], "certificate-oidc-issuer": policy["issuer"]}
    options["trusted-root"] = str(REAL / "roots" / case.root)
    options |= changed
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return client("verify-bundle", *words, artifact)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_outcome_is_what_the_suite_expects(case: RealCase) -> None:
    done = verify_bundle(case, artifact=str(REAL / case.fields["artifact_file"]))
    assert (done.returncode == 0) == (case.fields["expected"]["upstream"] == "pass"), done.stdout + done.stderr
    assert done.returncode in {0, 1, 2}, done.stdout + done.stderr


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_digest_stands_for_the_file(case: RealCase) -> None:
    assert verify_bundle(case, artifact=str(case.digest)).returncode == 0
    other = f"sha256:{'0' * 64}"
    assert verify_bundle(case, artifact=other).returncode == 1


@pytest.mark.parametrize(
    "case", [case for case in ACCEPTED if not case.fields.get("key_file")], ids=lambda case: case.id
)
def test_identity_must_be_the_one_asked_for(case: RealCase) -> None:
    artifact = str(REAL / case.fields["artifact_file"])
    stranger = "https://github.com/acme/other/.github/workflows/release.yaml@refs/heads/main"
    assert verify_bundle(case, artifact=artifact, **{"certificate-identity": stranger}).returncode == 1
    assert verify_bundle(case, artifact=artifact, **{"certificate-oidc-issuer": "https://gitlab.com"}).returncode == 1


@pytest.mark.parametrize(
    "words", [["sign-bundle", "--identity-token", "x", "--bundle", "b", "f"], ["verify-bundle"], []]
)
def test_what_is_not_spoken_is_no_verification(words: list[str]) -> None:
    assert client(*words).returncode == 2


def test_key_and_identity_together_are_no_verification() -> None:
    """The suite's `managed-key-and-client-identity_fail`."""
    case = next(case for case in ACCEPTED if case.fields.get("key_file"))
    artifact = str(REAL / case.fields["artifact_file"])
    both = {"certificate-identity": "https://github.com/acme/none", "certificate-oidc-issuer": "https://gitlab.com"}
    assert verify_bundle(case, artifact=artifact).returncode == 0
    assert verify_bundle(case, artifact=artifact, **both).returncode == 2


def test_staging_is_another_instance_unless_a_root_is_named() -> None:
    case = next(case for case in ACCEPTED if not case.fields.get("key_file"))
    bundle, artifact = (str(REAL / case.fields[name]) for name in ("bundle_file", "artifact_file"))
    policy = case.fields["policy"]
    who = ["--certificate-identity", policy["san"], "--certificate-oidc-issuer", policy["issuer"]]
    start = ["verify-bundle", "--staging", "--bundle", bundle, *who]
    staged = client(*start, artifact)
    assert staged.returncode == 1, staged.stderr
    assert "public-good" not in staged.stdout, "its name is cut where the path is long"
    assert f"--trusted-root={STAGING}" in translate([*start, artifact])
    assert STAGING.is_file()
    assert client(*start, "--trusted-root", str(REAL / "roots" / case.root), artifact).returncode == 0
