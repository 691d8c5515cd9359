"""Which revision says what: rules from the tip of base, uses against the merge base, in every kind of clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.house import House
from tests.support import repositories

KUSTOMIZATION = "resources: [pod.yaml]\n"


def overlay(root: str, pod: str) -> dict[str, bytes | str]:
    return {f"{root}/kustomization.yaml": KUSTOMIZATION, f"{root}/pod.yaml": pod}


def test_what_was_there_before_is_the_nightly_audits_business(house: House) -> None:
    house.commit_base({"old.yaml": house.images.pod("unsigned")})
    house.commit({"web.yaml": house.images.pod("web")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {"web": "verified"})
    kept = {image["reference"]: image["change"] for image in ran.report["images"] if image["verdict"] is None}
    assert kept[house.images.ref("unsigned")] == "kept"


def test_a_promotion_to_another_root_is_new(house: House) -> None:
    house.commit_base(overlay("staging", house.images.pod("unsigned")))
    house.commit(overlay("production", house.images.pod("unsigned")))
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned"})
    uses = {use["root"]: use["change"] for image in ran.report["images"] for use in image["uses"]}
    assert (uses["staging"], uses["production"]) == ("kept", "added")


def test_a_removed_image_is_listed_and_not_asked_about(house: House) -> None:
    house.commit_base({"old.yaml": house.images.pod("unsigned")})
    (house.repo / "old.yaml").unlink()
    house.commit({})
    house.images.registry.forget()
    ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {})
    assert {image["change"] for image in ran.report["images"]} == {"kept", "removed"}
    assert house.images.registry.requests == []


def test_rules_come_from_the_tip_of_base_and_uses_from_the_merge_base(house: House) -> None:
    """Base goes on after the branch was made: stricter rules, and an image that this change does not bring."""
    house.commit_base({"auditor.yaml": house.images.rules(owner="nobody")})
    house.commit({"web.yaml": house.images.pod("web")})
    house.git("checkout", "--quiet", "main")
    house.commit({"auditor.yaml": house.images.rules(), "main.yaml": house.images.pod("unsigned")})
    house.git("checkout", "--quiet", "change")
    ran = house.check()
    assert (ran.status, ran.verdicts) == (0, {"web": "verified"})
    run = ran.report["run"]
    assert run["base"] == house.git("rev-parse", "main")
    assert run["merge_base"] == house.git("merge-base", "main", "change")
    assert ran.rules == [], "the rules were changed on base, not by this change"


def test_an_image_that_base_took_out_and_the_change_brings_back_is_new(house: House) -> None:
    """The merge base had it, but what is merged would deploy what base has revoked since."""
    house.commit_base({"old.yaml": house.images.pod("unsigned")})
    house.git("mv", "old.yaml", "moved.yaml")
    house.commit({"note.txt": "moved"})
    house.git("checkout", "--quiet", "main")
    (house.repo / "old.yaml").unlink()
    house.commit({"note.txt": "revoked"})
    house.git("checkout", "--quiet", "change")
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned"})


def test_head_is_the_working_tree_with_untracked_files(house: House) -> None:
    house.commit_base()
    repositories.write(house.repo, {"new.yaml": house.images.pod("unsigned"), ".gitignore": "ignored/\n"})
    repositories.write(house.repo, {"ignored/wrong.yaml": house.images.pod("wrong")})
    ran = house.check()
    assert (ran.status, ran.verdicts, ran.report["run"]["head"]) == (1, {"unsigned": "unsigned"}, None)
    assert house.check("--head", "HEAD").verdicts == {}


def test_without_base_the_whole_tree_gates_by_its_own_rules(house: House) -> None:
    house.commit_base({"old.yaml": house.images.pod("unsigned")})
    ran = house.run("check", ".", "-f", "json")
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned", "api": "verified"})
    assert ran.report["run"]["base"] is None


def test_a_path_below_the_top_limits_what_is_judged_and_not_whose_rules(house: House) -> None:
    house.commit_base()
    house.commit({"a/x.yaml": house.images.pod("web"), "b/y.yaml": house.images.pod("unsigned")})
    within = house.run("check", "a", "--base", "main", "-f", "json")
    assert (within.status, within.verdicts) == (0, {"web": "verified"})
    beside = house.run("check", ".", "--base", "main", "-f", "json", cwd=house.repo / "b")
    assert (beside.status, beside.verdicts) == (1, {"unsigned": "unsigned"})


def test_a_bare_clone_judges_the_same(house: House, tmp_path: Path) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web", "wrong")})
    repositories.git(tmp_path, "clone", "--quiet", "--bare", str(house.repo), "bare.git")
    ran = house.run("check", "bare.git", "--base", "main", "--head", "change", "-f", "json", cwd=tmp_path)
    assert (ran.status, ran.verdicts) == (1, {"web": "verified", "wrong": "wrong-signer"})
    named = house.run(
        "check",
        "bare.git",
        "--base",
        "main",
        "--head",
        "change",
        "--config",
        "auditor.yaml",
        "-f",
        "json",
        cwd=tmp_path,
    )
    assert named.verdicts == ran.verdicts


def test_a_shallow_clone_without_the_merge_base_says_what_to_type(house: House, tmp_path: Path) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("unsigned")})
    house.git("checkout", "--quiet", "main")
    house.commit({"README.md": "# Platform\n"})
    clone = tmp_path / "clone"
    repositories.git(
        tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{house.repo}", str(clone)
    )
    ran = house.run("check", ".", "--base", "origin/main", "--head", "origin/change", cwd=clone).clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert "this clone is shallow" in ran.err
    assert "git fetch --unshallow origin" in ran.err
    assert "fetch-depth: 0" in ran.err
    repositories.git(clone, "fetch", "--quiet", "--unshallow", "origin")
    deep = house.run("check", ".", "--base", "origin/main", "--head", "origin/change", "-f", "json", cwd=clone)
    assert (deep.status, deep.verdicts) == (1, {"unsigned": "unsigned"})


def test_a_merge_commit_is_judged_against_its_first_parent(house: House) -> None:
    """As in a merge queue: head is the merge, base what it was merged into."""
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("unsigned")})
    house.git("checkout", "--quiet", "main")
    house.commit({"web.yaml": house.images.pod("web")})
    house.git("merge", "--quiet", "--no-ff", "--message", "merge", "change")
    ran = house.run("check", ".", "--base", "HEAD^1", "--head", "HEAD", "-f", "json")
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned"})


def test_after_criss_cross_merges_what_one_side_never_had_is_new(house: House) -> None:
    """Two merge bases: an image is old only if it is in both, and so is a file that cannot be read."""
    house.commit_base()
    house.git("checkout", "--quiet", "-b", "other", "main")
    other = house.commit({"broken.yaml": "kind: Pod\nimage: [\n", "old.yaml": house.images.pod("unsigned")})
    house.git("checkout", "--quiet", "change")
    change = house.commit({"web.yaml": house.images.pod("web")})
    house.git("merge", "--quiet", "--no-ff", "--message", "one", other)
    house.git("checkout", "--quiet", "other")
    house.git("merge", "--quiet", "--no-ff", "--message", "two", change)
    house.git("checkout", "--quiet", "change")
    house.commit({"README.md": "# Platform\n"})
    ran = house.check("--base", "other")
    assert len(house.git("merge-base", "--all", "change", "other").split()) == 2
    assert ran.verdicts == {"web": "verified", "unsigned": "unsigned"}
    assert ran.status == 1
    assert "unparsable-file" in ran.rules
    told = house.run("check", ".", "--base", "other")
    assert "2 merge bases" in told.out


def test_a_partial_clone_judges_what_it_has_and_names_what_it_lacks(house: House, tmp_path: Path) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("unsigned")})
    house.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    repositories.git(
        tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{house.repo}", str(clone)
    )
    ran = house.run("check", ".", "--base", "origin/main", "--head", "origin/change", cwd=clone).clean_of_tracebacks()
    assert ran.status == 2, "rules that are not here are no rules"
    assert "not in this clone" in ran.err


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_variables_of_a_hook_do_not_move_the_repository(house: House, tmp_path: Path, variable: str) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("unsigned")})
    decoy = repositories.new(tmp_path / "decoy")
    repositories.commit(decoy, {"README.md": "nothing\n"})
    ran = house.check(environ={variable: str(decoy / ".git")})
    assert (ran.status, ran.verdicts) == (1, {"unsigned": "unsigned"})
