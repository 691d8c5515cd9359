"""Signatures that must not be accepted, all of them in one change: the reason for each, and the good image is judged."""

from __future__ import annotations

from fixtures.hostile.signatures import attacks, lookalikes
from fixtures.hostile.signatures.lookalikes import Taken
from fixtures.registry import OciRegistry
from fixtures.sigstore import Sigstore, sig_layer
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.scene import Scene
from tests.cli.house import House, Images, pod


def test_every_attack_in_one_change(house: House) -> None:
    """Each on an image of its own. What counts as a statement about something else is no signature of the image."""
    with OciRegistry() as registry:
        images = Images(registry)
        stranger = Sigstore("sigstore.stranger.example")
        pods = [images.pod("web")]
        for attack in (each for each in attacks() if not each.no_log):
            name = attack.name.replace("_", "-")
            digest = images.push(name)
            scene = Scene(digest=digest, stack=images.sigstore, stranger=stranger)
            push_signatures(registry, f"acme/{name}", digest, attack.make(scene))
            pods.append(images.pod(name))
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit({"new.yaml": "---\n".join(pods)})
        ran = house.check()
        told = house.run("check", ".", "--base", "main", "-v").clean_of_tracebacks()
    verdicts = ran.verdicts
    assert len(verdicts) == len(pods) > 100
    assert {name for name, verdict in verdicts.items() if verdict == "verified"} == {"web"}
    assert set(verdicts.values()) <= {"verified", "invalid"}, verdicts
    assert (ran.status, told.status) == (1, 1)
    for image in ran.report["images"]:
        if image["verdict"] == "invalid":
            assert image["signatures"], image["reference"]
            assert all(s["status"] == "refused" and s["why"] for s in image["signatures"]), image["reference"]


VERDICTS = {
    Taken.ATTESTATION: "attestation-only",
    Taken.KEY: "key-signed",
    Taken.NO_ISSUER: "wrong-signer",
    Taken.PULL_REQUEST: "wrong-signer",
    Taken.STRANGER: "wrong-signer",
}


def test_lookalikes_are_taken_for_what_they_are(house: House) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        expected = {"web": "verified"}
        for number in range(len(lookalikes(Scene(stack=images.sigstore)))):
            digest = images.push(f"lookalike-{number}")
            each = lookalikes(Scene(digest=digest, stack=images.sigstore))[number]
            push_signatures(registry, f"acme/lookalike-{number}", digest, each.stored)
            expected[f"lookalike-{number}"] = VERDICTS[each.taken]
        rules = images.rules().replace("{github: acme/*}", "[{github: acme/shop}, {github: acme/web}]")
        house.commit_base({"auditor.yaml": rules})
        house.commit({"new.yaml": images.pod(*expected)})
        ran = house.check()
    assert len(expected) > 5
    assert (ran.status, ran.verdicts) == (1, expected)


def test_a_bad_signature_beside_a_good_one_does_no_harm_and_no_good(house: House) -> None:
    """Who may push to the repository may add signatures: the good one still counts, the bad one never does."""
    with OciRegistry() as registry:
        images = Images(registry)
        digest = images.push("both")
        scene = Scene(digest=digest, stack=images.sigstore)
        stranger = sig_layer(scene.stranger.sign(digest, scene.claimant, scene.at))
        good = sig_layer(images.sigstore.sign(digest, scene.claimant, scene.at))
        push_signatures(registry, "acme/both", digest, stranger, good)
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit({"new.yaml": pod("both", images.ref("both"))})
        ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {"both": "verified"})
    assert sorted(s["status"] for s in ran.report["images"][0]["signatures"]) == ["refused", "valid"]
