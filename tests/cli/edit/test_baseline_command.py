"""`auditor baseline`: what is there today fails nothing and stays visible; what is new fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fixtures.registry import Status
from tests.cli.house import House, Ran, pod
from tests.support.repositories import git

FILE = ".auditor-baseline.json"


def baseline(house: House, *arguments: str) -> Ran:
    return house.run("baseline", *arguments, "--render", "never").clean_of_tracebacks()


def recorded(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((house.repo / FILE).read_bytes())["findings"]
    return found


def check(house: House) -> Ran:
    return house.run("check", ".", "-f", "json").clean_of_tracebacks()


@pytest.fixture
def grown(house: House) -> House:
    house.commit_base({"a.yaml": house.images.pod("unsigned"), "b/b.yaml": house.images.pod("wrong")})
    return house


def test_what_is_recorded_fails_nothing_and_stays_visible(grown: House) -> None:
    assert check(grown).status == 1
    done = baseline(grown)
    assert done.status == 0, done.err
    assert [(e["rule"], e["file"]) for e in recorded(grown)] == [
        ("unsigned-image", "a.yaml"),
        ("wrong-signer", "b/b.yaml"),
    ]
    after = check(grown)
    assert after.status == 0
    assert {f["rule"] for f in after.report["findings"] if f["baseline"]} == {"unsigned-image", "wrong-signer"}


def test_a_new_tag_is_never_in_it(house: House) -> None:
    for tag in ("1.0", "2.0"):
        house.images.registry.put_image("acme/retagged", tag)
    house.commit_base({"a.yaml": pod("retagged", house.images.ref("retagged"))})
    baseline(house)
    assert check(house).status == 0
    (house.repo / "a.yaml").write_text(pod("retagged", house.images.ref("retagged", "2.0")))
    assert check(house).status == 1


def test_it_is_the_same_however_often_it_is_written(grown: House) -> None:
    baseline(grown)
    first = (grown.repo / FILE).read_bytes()
    grown.git("add", FILE)
    assert baseline(grown, "--force").status == 0
    assert (grown.repo / FILE).read_bytes() == first
    assert first.count(b"\n") == 2 + 5


def test_entries_that_no_longer_occur_are_told_and_pruned_and_nothing_is_added(grown: House) -> None:
    baseline(grown)
    assert baseline(grown, "--check").status == 0
    (grown.repo / "a.yaml").write_text(grown.images.pod("attested"))
    told = baseline(grown, "--check")
    assert told.status == 1
    assert "unsigned-image" in told.out
    assert "no longer occurs" in told.out
    assert len(recorded(grown)) == 2
    assert baseline(grown, "--prune").status == 0
    assert [e["rule"] for e in recorded(grown)] == ["wrong-signer"]


def test_a_part_of_the_tree_leaves_the_entries_of_the_rest(grown: House) -> None:
    baseline(grown)
    (grown.repo / "b/b.yaml").write_text(grown.images.pod("attested"))
    assert baseline(grown, "b").status == 0
    assert [(e["rule"], e["file"]) for e in recorded(grown)] == [
        ("attestation-only-image", "b/b.yaml"),
        ("unsigned-image", "a.yaml"),
    ]


def test_what_could_not_be_judged_is_not_recorded(grown: House) -> None:
    grown.images.registry.faults.on("/v2/acme/unsigned", Status(403))
    done = baseline(grown)
    assert done.status == 3
    assert [e["rule"] for e in recorded(grown)] == ["wrong-signer"]
    grown.images.registry.faults.off()
    assert check(grown).status == 1


def test_a_registry_that_is_down_removes_nothing(grown: House) -> None:
    baseline(grown)
    grown.images.registry.faults.on("/v2/acme", Status(403))
    assert baseline(grown, "--prune").status == 3
    assert len(recorded(grown)) == 2


def test_revoked_images_are_not_recorded(house: House) -> None:
    denied = f"deny:\n  - {{digest: '{house.images.digests['unsigned']}', reason: stolen}}\n"
    house.commit_base({"auditor.yaml": house.images.rules(denied), "a.yaml": house.images.pod("unsigned")})
    baseline(house)
    assert "denied-image" not in {e["rule"] for e in recorded(house)}
    assert check(house).status == 1


def test_git_applies_what_dry_run_prints(grown: House) -> None:
    for change in ("none", "one", "all"):
        if change != "none":
            baseline(grown)
            git(grown.repo, "add", FILE)
            git(grown.repo, "commit", "-qm", change)
            (grown.repo / "a.yaml").write_text(grown.images.pod("api"))
        if change == "all":
            (grown.repo / "b/b.yaml").write_text(grown.images.pod("api"))
        shown = baseline(grown, "--dry-run")
        (grown.repo / "../b.diff").write_text(shown.out)
        grown.git("apply", "../b.diff")
        applied = (grown.repo / FILE).read_bytes()
        baseline(grown, "--force")
        assert (grown.repo / FILE).read_bytes() == applied


def test_a_modified_baseline_is_refused_without_force(grown: House) -> None:
    baseline(grown)
    git(grown.repo, "add", FILE)
    git(grown.repo, "commit", "-qm", "baseline")
    (grown.repo / FILE).write_text('{"schema": "auditor-baseline/v1", "findings": []}\n')
    assert baseline(grown).status == 2
    assert recorded(grown) == []
