"""sigstore-python as the second opinion: the inner names that are used exist, and our own recipe never disagrees with it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from sigstore.hashes import Hashed
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import VerificationPolicy
from sigstore_models.common.v1 import HashAlgorithm
from sigstore_models.trustroot.v1 import TrustedRoot as Document

from auditor.model.evidence import Refused, Step
from auditor.model.reference import Digest
from auditor.registry.material import BundleBytes
from auditor.signatures import sigstore_python
from auditor.signatures.bundle import bundle_candidate, parse_bundle
from auditor.signatures.candidate import Candidate, Message
from auditor.signatures.encoding import Malformed
from auditor.signatures.recipe import Recipe
from auditor.signatures.refusal import Refusal
from auditor.signatures.root import Root
from auditor.signatures.sigstore_python import can_judge, judge_twice
from fixtures.hostile.signatures import attacks
from fixtures.sigstore.material import as_material
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Scene
from tests.support.signatures import PROJECT, made_root, needs_real_data, real_cases, real_root, verifier_of


class Anybody:
    """A policy for the stock verifier: who signed is not the question here."""

    def verify(self, cert: object) -> None:
        pass


def candidate_of(content: bytes, digest: Digest) -> Candidate | None:
    """What our parser makes of a bundle; None where it refuses, or a key signed."""
    try:
        bundle = parse_bundle(content)
        if bundle.leaf_der is None:
            return None
        message = Message(bytes.fromhex(digest.hex), None)
        return bundle_candidate(
            bundle, bundle.leaf_der, Message.of(bundle.envelope.pae) if bundle.envelope else message
        )
    except (Malformed, Refusal):
        return None


def stock_says_yes(content: str, candidate: Candidate, root: Root) -> bool:
    """What sigstore-python says by itself, without a line of ours."""
    try:
        bundle = Bundle.from_json(content)
        verifier = Verifier(trusted_root=TrustedRoot(Document.from_json(root.document)))
        if candidate.envelope is not None:
            verifier.verify_dsse(bundle, Anybody())
        else:
            hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=candidate.message.sha256)
            verifier.verify_artifact(hashed, bundle, Anybody())
    except Exception:  # noqa: BLE001 - every kind of exception is a no
        return False
    return True


def says_yes(judge: object, *arguments: object) -> bool:
    assert callable(judge)
    try:
        judge(*arguments)
    except Refusal:
        return False
    return True


def bundles() -> list[tuple[str, bytes, Digest, Root]]:
    """Good bundles and attacks, ours and real."""
    scene = Scene()
    found = [
        (sample.name, as_material(sample.stored), Digest.parse(scene.digest), made_root(scene.stack))
        for sample in samples(scene)
    ]
    for attack in attacks():
        scene = Scene()
        material = as_material(attack.make(scene))
        found.append((attack.name, material, Digest.parse(scene.digest), made_root(scene.stack)))
    for case in real_cases():
        found += [(case.id, material, case.digest, real_root(case.root)) for material in case.materials()]
    return [(name, each.content, digest, root) for name, each, digest, root in found if isinstance(each, BundleBytes)]


@pytest.mark.slow
def test_verdict_is_sigstore_pythons_wherever_it_can_judge() -> None:
    judged = {True: 0, False: 0}
    for name, content, digest, root in bundles():
        candidate = candidate_of(content, digest)
        recipe = Recipe(root)
        try:
            if candidate is None or not can_judge(recipe, candidate):
                continue
        except Refusal:
            continue
        assert candidate.bundle is not None
        stock = stock_says_yes(candidate.bundle, candidate, root)
        assert says_yes(recipe.judge, candidate) == stock or name in STRICTER, name
        assert says_yes(judge_twice, recipe, candidate) == stock or name in STRICTER, name
        if name in STRICTER:
            assert stock, f"{name}: sigstore-python refuses it by now, take it off the list"
            assert not says_yes(judge_twice, recipe, candidate), name
        judged[stock] += 1
    assert judged[True] >= 10, judged
    assert judged[False] >= 20, judged


STRICTER = frozenset(
    {
        "bundle_with_a_checkpoint_of_another_origin",
        "rekor_v1_bundle_with_a_checkpoint_of_another_origin",
        "bundle_with_the_certificate_of_a_retired_authority",
        "bundle_with_the_sct_of_a_retired_log",
    }
)
"""Attacks that sigstore-python accepts and we do not.

It does not tie a checkpoint's origin to the name that signs it, and takes an authority or CT log that was retired before.
"""


def test_what_sigstore_python_refuses_stays_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where our own recipe finds nothing wrong."""
    scene = Scene()
    good = next(sample for sample in samples(scene) if sample.name == "bundle, v1")
    root = made_root(scene.stack)
    monkeypatch.setattr(Verifier, "verify_dsse", _says_no)
    signature = verifier_of(root, second_opinion=True).verify(as_material(good.stored), Digest.parse(scene.digest))
    assert isinstance(signature, Refused)
    assert signature.step is Step.SIGNATURE
    assert "sigstore-python refuses it: TypeError: no" in signature.why


def _says_no(*_arguments: object) -> None:
    raise TypeError("no")


def test_it_is_really_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = Verifier.verify_dsse

    def counted(*given: Any) -> object:
        calls.append(given)
        return original(*given)

    monkeypatch.setattr(Verifier, "verify_dsse", counted)
    scene = Scene()
    for sample in samples(scene):
        verifier = verifier_of(made_root(scene.stack), second_opinion=True)
        verifier.verify(as_material(sample.stored), Digest.parse(scene.digest))
    assert len(calls) >= 8


@needs_real_data
@pytest.mark.real
def test_it_is_asked_about_every_real_bundle_that_it_passes() -> None:
    """The gaps are no larger than they are said to be."""
    for case in real_cases():
        if "bundle_file" not in case.fields or case.fields["checked"]["sigstore_python"] != "PASS":
            continue
        for material in case.materials():
            assert isinstance(material, BundleBytes)
            candidate = candidate_of(material.content, case.digest)
            assert candidate is not None
            assert can_judge(Recipe(real_root(case.root)), candidate), case.id


def test_inner_names_are_as_they_were() -> None:
    """A release of sigstore-python that moves these must be read again before it is allowed in pyproject.toml."""
    assert list(inspect.signature(Verifier.__init__).parameters) == ["self", "trusted_root"]
    assert list(inspect.signature(Verifier.verify_dsse).parameters) == ["self", "bundle", "policy"]
    assert list(inspect.signature(Verifier.verify_artifact).parameters) == ["self", "input_", "bundle", "policy"]
    assert list(inspect.signature(VerificationPolicy.verify).parameters) == ["self", "cert"]
    for name in ("rekor_keyring", "ct_keyring"):
        assert list(inspect.signature(getattr(TrustedRoot, name)).parameters) == ["self", "purpose"]
    assert list(inspect.signature(TrustedRoot.get_timestamp_authorities).parameters) == ["self"]
    assert list(inspect.signature(TrustedRoot.__init__).parameters) == ["self", "inner"]
    assert set(Hashed.model_fields) == {"algorithm", "digest"}


def test_it_is_imported_only_when_it_is_asked() -> None:
    """Its import costs half a second of CPU."""
    code = (
        "import json, sys\n"
        "from fixtures.sigstore import bundle, sig_layer\n"
        "from fixtures.sigstore.material import as_material\n"
        "from fixtures.sigstore.scene import Scene\n"
        "from auditor.model.reference import Digest\n"
        "from tests.support.signatures import made_root, verifier_of\n"
        "scene = Scene()\n"
        "for made in (sig_layer(scene.stack.sign(scene.digest, scene.claimant, scene.at)),\n"
        "             bundle(scene.stack.attest(scene.digest, scene.claimant, scene.at))):\n"
        "    print(verifier_of(made_root(scene.stack)).verify(as_material(made), Digest.parse(scene.digest)).roots)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in {'sigstore', 'pydantic', 'tuf'}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["('made',)", "('made',)", "[]"]


def test_roots_do_not_share_a_verifier() -> None:
    scene = Scene()
    ours, theirs = made_root(scene.stack), made_root(scene.stranger)
    assert sigstore_python._verifier(ours) is sigstore_python._verifier(ours)
    assert sigstore_python._verifier(ours) is not sigstore_python._verifier(theirs)
