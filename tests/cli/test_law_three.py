"""A change cannot loosen the rule that judges it: each attempt, seen from outside, helps nobody and is told.

Every change here brings an image that base's rules refuse, and something that would have it accepted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from auditor.config.surroundings import BASELINE_SCHEMA
from fixtures.registry import OciRegistry
from fixtures.sigstore import Sigstore, github, sig_layer, simple_signing
from fixtures.sigstore.keys import pem
from fixtures.sigstore.push import push_signatures
from tests.cli.house import AT, House, Images, pod
from tests.support import repositories

Files = dict[str, bytes | str]

KINDS = """\
version: 1
kinds:
  - {kind: Tool, group: acme.example, images: [spec.picture]}
"""
TOOL = "apiVersion: acme.example/v1\nkind: Tool\nmetadata: {name: t}\nspec: {picture: '%s'}\n"


def loosened(house: House, change: Files, *, base: Files | None = None) -> None:
    """Base, and a change with a wrong signer's image beside what it wants to get away with."""
    house.commit_base(base)
    house.commit({"new.yaml": house.images.pod("wrong"), **change})


def waiver(house: House) -> str:
    """In force for a month."""
    until = (datetime.now(UTC) + timedelta(days=30)).date()
    reference = f"{house.images.registry.host}/acme/wrong*"
    return f"waivers:\n  - {{image: '{reference}', rule: wrong-signer, until: {until}, owner: us, reason: please}}\n"


ATTEMPTS: dict[str, Callable[[House], Files]] = {
    "allow everybody": lambda house: {"auditor.yaml": house.images.rules(owner="evil")},
    "demand nothing": lambda _: {"auditor.yaml": "version: 1\notherwise: allow\n"},
    "lower the level": lambda house: {"auditor.yaml": house.images.rules("rules: {wrong-signer: off}\n")},
    "leave the file out": lambda house: {"auditor.yaml": house.images.rules("manifests: {exclude: [new.yaml]}\n")},
    "break the file": lambda _: {"auditor.yaml": "version: 7\nnonsense: true\n"},
    "waive it": lambda house: {"auditor.yaml": house.images.rules(waiver(house))},
    "add a baseline": lambda _: {".auditor-baseline.json": json.dumps({"schema": BASELINE_SCHEMA, "findings": []})},
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_rules_of_the_change_do_not_judge_the_change(house: House, attempt: str) -> None:
    loosened(house, ATTEMPTS[attempt](house))
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    told = [f for f in ran.report["findings"] if f["rule"] in ("rules-changed", "waiver-added")]
    assert {f["file"] for f in told} <= {"auditor.yaml", ".auditor-baseline.json"}
    assert told
    assert ("waiver-added" in ran.rules) == (attempt == "waive it")


def test_the_baseline_of_the_change_does_not_count(house: House) -> None:
    """With the very fingerprint of its finding in it."""
    loosened(house, {})
    fingerprint = house.check().finding("wrong-signer")["fingerprint"]
    document = {"schema": BASELINE_SCHEMA, "findings": [{"fingerprint": fingerprint}]}
    house.commit({".auditor-baseline.json": json.dumps(document)})
    ran = house.check()
    assert (ran.status, ran.finding("wrong-signer")["baseline"]) == (1, False)
    assert ran.finding("rules-changed")["file"] == ".auditor-baseline.json"


def test_a_waiver_counts_once_it_is_in_base(house: House) -> None:
    loosened(house, {}, base={"auditor.yaml": house.images.rules(waiver(house))})
    ran = house.check()
    assert (ran.status, ran.finding("wrong-signer")["waived"]["owner"]) == (0, "us")


def test_a_trust_root_swapped_in_the_same_change_does_not_help(house: House) -> None:
    """The image is signed by a Sigstore that only the change trusts."""
    with OciRegistry() as registry:
        images = Images(registry)
        evil = Sigstore("sigstore.evil.example")
        digest = images.push("forged")
        push_signatures(registry, "acme/forged", digest, sig_layer(evil.sign(digest, github("acme/forged"), AT)))
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit(
            {
                "new.yaml": images.pod("forged", "api"),
                "trust/root.json": images.trusted_root("sigstore.evil.example"),
            }
        )
        ran = house.check()
        assert (ran.status, ran.verdicts) == (1, {"forged": "invalid", "api": "verified"})
        assert ran.finding("rules-changed")["file"] == "trust/root.json"
        alone = house.run("check", ".", "-f", "json")
        assert alone.verdicts["forged"] == "verified", "after the merge it would: the swap is what base guards against"


def test_a_key_swapped_in_the_same_change_does_not_help(house: House) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        ours, theirs = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        for name, key in (("ours", ours), ("theirs", theirs)):
            digest = images.push(name)
            payload = simple_signing(digest, images.ref(name))
            signed = images.sigstore.seal_with_key(key, payload, at=AT)
            push_signatures(registry, f"acme/{name}", digest, sig_layer(signed))
        rules = images.rules().replace("{github: acme/*}", "{key: keys/cosign.pub}")
        house.commit_base({"auditor.yaml": rules, "keys/cosign.pub": pem(ours.public_key())})
        house.commit({"new.yaml": images.pod("ours", "theirs"), "keys/cosign.pub": pem(theirs.public_key())})
        ran = house.check()
        assert (ran.status, ran.verdicts) == (1, {"ours": "verified", "theirs": "key-signed"})
        assert ran.finding("rules-changed")["file"] == "keys/cosign.pub"


@pytest.mark.parametrize("place", [".auditor.yaml", ".github/auditor.yaml"])
def test_rules_that_move_to_another_of_the_three_places(house: House, place: str) -> None:
    house.commit_base()
    (house.repo / "auditor.yaml").unlink()
    house.commit({"new.yaml": house.images.pod("wrong"), place: house.images.rules(owner="evil")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert {f["file"] for f in ran.report["findings"] if f["rule"] == "rules-changed"} == {"auditor.yaml", place}


@pytest.mark.parametrize("place", [".auditor.yaml", ".github/auditor.yaml"])
def test_rules_in_a_second_place(house: House, place: str) -> None:
    """Base has one, the change adds another that a later run would not know how to choose from."""
    loosened(house, {place: "version: 1\notherwise: allow\n"})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert "cannot be loaded" in ran.finding("rules-changed")["message"]


def test_rules_that_are_removed(house: House) -> None:
    house.commit_base()
    (house.repo / "auditor.yaml").unlink()
    house.commit({"new.yaml": house.images.pod("wrong")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert "auditor.yaml" in {f["file"] for f in ran.report["findings"] if f["rule"] == "rules-changed"}


def test_where_base_has_no_rules_the_defaults_judge(house: House) -> None:
    """Rules that the change adds take effect with the merge; an image of no known publisher is uncovered until then."""
    files = house.base
    house.base = {"api.yaml": files["api.yaml"]}
    house.commit_base()
    house.commit({**files, "new.yaml": house.images.pod("unsigned")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {"unsigned": "uncovered"})
    assert "rules-changed" in ran.rules
    assert house.check("--fail-on", "warning").status == 1


def test_kinds_that_the_change_drops_are_still_read(house: House) -> None:
    rules = house.images.rules("manifests: {kinds: [rules/kinds.yaml]}\n")
    house.commit_base({"auditor.yaml": rules, "rules/kinds.yaml": KINDS})
    house.commit({"tool.yaml": TOOL % house.images.ref("wrong"), "rules/kinds.yaml": "version: 1\nkinds: []\n"})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert ran.finding("rules-changed")["file"] == "rules/kinds.yaml"


# ── --config ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_config_inside_the_tree_is_read_from_base(house: House, tmp_path: Path) -> None:
    house.commit_base({"policy/rules.yaml": house.images.rules()})
    house.commit({"new.yaml": house.images.pod("wrong"), "policy/rules.yaml": house.images.rules(owner="evil")})
    for config in ("policy/rules.yaml", str(house.repo / "policy/rules.yaml"), "policy/../policy/rules.yaml"):
        ran = house.check("--config", config)
        assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
        assert ran.finding("rules-changed")["file"] == "policy/rules.yaml"
    link = tmp_path / "link"
    link.symlink_to(house.repo)
    assert house.check("--config", str(link / "policy/rules.yaml")).status == 1


def test_a_config_that_only_the_change_has_is_no_config(house: House) -> None:
    loosened(house, {"policy/rules.yaml": house.images.rules(owner="evil")})
    ran = house.run("check", ".", "--base", "main", "--config", "policy/rules.yaml").clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert "policy/rules.yaml: there is no such file" in ran.err
    assert "commit the file to the revision that judges" in ran.err


@pytest.mark.parametrize("target", ["inside", "outside"])
def test_a_config_that_the_change_turns_into_a_symlink(house: House, tmp_path: Path, target: str) -> None:
    """To a looser file that base has as an example, or to one beside the repository."""
    house.commit_base(
        {"policy/rules.yaml": house.images.rules(), "examples/loose.yaml": house.images.rules(owner="evil")}
    )
    (tmp_path / "loose.yaml").write_text(house.images.rules(owner="evil"))
    config = house.repo / "policy/rules.yaml"
    config.unlink()
    config.symlink_to("../examples/loose.yaml" if target == "inside" else "../../loose.yaml")
    house.commit({"new.yaml": house.images.pod("wrong")})
    ran = house.check("--config", "policy/rules.yaml")
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert "rules-changed" in ran.rules


def test_a_directory_above_the_config_that_the_change_turns_into_a_symlink(house: House) -> None:
    house.commit_base(
        {"policy/rules.yaml": house.images.rules(), "examples/rules.yaml": house.images.rules(owner="evil")}
    )
    (house.repo / "policy/rules.yaml").unlink()
    (house.repo / "policy").rmdir()
    (house.repo / "policy").symlink_to("examples")
    house.commit({"new.yaml": house.images.pod("wrong")})
    ran = house.check("--config", "policy/rules.yaml")
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})


def test_a_config_outside_of_the_tree_belongs_to_whoever_runs_the_check(house: House, tmp_path: Path) -> None:
    """What it names is read beside it; what it names inside the repository is read from base."""
    own = tmp_path / "own"
    repositories.write(
        own, {"rules.yaml": house.images.rules(owner="evil"), "trust/root.json": house.images.trusted_root()}
    )
    loosened(house, {})
    ran = house.check("--config", str(own / "rules.yaml"))
    assert (ran.status, ran.verdicts) == (0, {"wrong": "verified"})
    above = tmp_path / "rules.yaml"
    above.write_text(house.images.rules().replace("trust/root.json", "gitops/trust/root.json"))
    house.commit(
        {"trust/root.json": house.images.trusted_root("sigstore.evil.example"), "web.yaml": house.images.pod("web")}
    )
    ran = house.check("--config", str(above))
    assert ran.verdicts == {"wrong": "wrong-signer", "web": "verified"}


def test_rules_behind_a_symlink_of_base_stay_base(house: House) -> None:
    """`auditor.yaml` is a symlink to a file of the tree, and the change edits that file."""
    house.base.pop("auditor.yaml")
    repositories.write(house.repo, {"policy/rules.yaml": house.images.rules()})
    (house.repo / "auditor.yaml").symlink_to("policy/rules.yaml")
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("wrong"), "policy/rules.yaml": house.images.rules(owner="evil")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert "rules-changed" in ran.rules


def test_the_same_pod_twice_is_no_way_around(house: House) -> None:
    """One that base knows under the same name in another file does not make the new one old."""
    house.commit_base({"old.yaml": pod("x", house.images.ref("unsigned"))})
    house.commit({"staging/new.yaml": pod("y", house.images.ref("unsigned"))})
    assert house.check().status == 1
