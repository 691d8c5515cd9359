"""What a run looks at: product rules of base, merge base and head."""

from pathlib import Path

import pytest

from auditor.errors import AuditorError, SourceError, UsageError
from auditor.source.change import open_change
from tests.support.repositories import branch, commit, git, new, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Base and head have parted; both have changed `shared`, and base has tightened its rules."""
    folder = new(tmp_path / "r")
    commit(folder, {"auditor.yaml": "old rules", "apps/web/a": "1", "other/b": "1"})
    branch(folder, "change")
    commit(folder, {"apps/web/a": "2"})
    git(folder, "checkout", "--quiet", "main")
    commit(folder, {"auditor.yaml": "new rules", "other/b": "2"})
    git(folder, "checkout", "--quiet", "change")
    return folder


def test_rules_come_from_the_tip_of_base_and_uses_are_compared_with_the_merge_base(folder: Path) -> None:
    with open_change(folder, "main", "change") as change:
        assert change.base is not None
        assert change.merge_base is not None
        assert change.base.read("auditor.yaml") == b"new rules"
        assert change.merge_base.read("auditor.yaml") == b"old rules"
        assert change.merge_base.read("other/b") == b"1"
        assert change.head.read("apps/web/a") == b"2"
        assert change.base_commit == git(folder, "rev-parse", "main")
        assert change.head_commit == git(folder, "rev-parse", "change") == change.head.label
        assert change.merge_base_commit == git(folder, "merge-base", "main", "change")


def test_without_head_the_working_tree_is_judged_against_base(folder: Path) -> None:
    write(folder, {"apps/web/a": "3", "apps/web/new": "1"})
    with open_change(folder, "main", None) as change:
        assert change.head.read("apps/web/a") == b"3"
        assert "apps/web/new" in change.head.entries()
        assert change.head_commit is None
        assert change.merge_base_commit == git(folder, "merge-base", "main", "change")


def test_without_base_there_is_nothing_to_compare_with(folder: Path) -> None:
    for head in (None, "main"):
        with open_change(folder, None, head) as change:
            assert change.base is None
            assert change.merge_base is None
            assert change.merge_bases == ()


@pytest.mark.parametrize(
    ("path", "scope"), [("", ""), ("apps", "apps"), ("apps/web", "apps/web"), ("other/b", "other/b")]
)
def test_scope_is_the_path_below_the_top(folder: Path, path: str, scope: str) -> None:
    with open_change(folder / path, "main", None) as change:
        assert change.scope == scope
        assert "auditor.yaml" in change.head.entries()


def test_scope_holds_for_a_relative_path_and_for_a_symlink_to_the_repository(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(folder)
    with open_change(tmp_path / "link" / "apps", None, None) as change:
        assert change.scope == "apps"
    monkeypatch.chdir(folder / "apps")
    with open_change(Path("web"), None, None) as change:
        assert change.scope == "apps/web"
    with open_change(Path(), None, None) as change:
        assert change.scope == "apps"


def test_a_bare_clone_is_read_at_head_and_says_so(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), "bare.git")
    with open_change(tmp_path / "bare.git", "main", None) as change:
        assert change.head_commit == git(folder, "rev-parse", "change")
        assert change.head.read("apps/web/a") == b"2"
        assert any("bare" in note for note in change.notes)


def test_a_plain_folder_and_a_single_file_work_without_revisions(tmp_path: Path) -> None:
    write(tmp_path, {"plain/a": "1", "plain/b/c": "2"})
    with open_change(tmp_path / "plain", None, None) as change:
        assert list(change.head.entries()) == ["a", "b/c"]
    with open_change(tmp_path / "plain/a", None, None) as change:
        assert change.scope == "a"
        assert change.head.read("a") == b"1"


@pytest.mark.parametrize(("base", "head", "option"), [("main", None, "--base"), (None, "main", "--head")])
def test_a_revision_outside_a_repository_is_a_usage_error(
    tmp_path: Path, base: str | None, head: str | None, option: str
) -> None:
    with pytest.raises(UsageError, match=option):
        open_change(tmp_path, base, head)


def test_an_unknown_base_never_falls_back_to_less(folder: Path) -> None:
    for base, head in (("nowhere", None), ("main", "nowhere"), (None, "nowhere"), ("", None)):
        with pytest.raises(SourceError):
            open_change(folder, base, head)


def test_a_shallow_clone_never_falls_back_to_less(folder: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--no-single-branch", f"file://{folder}", "shallow")
    with pytest.raises(SourceError, match="shallow") as caught:
        open_change(tmp_path / "shallow", "origin/main", None)
    assert "git fetch --unshallow origin" in caught.value.help


def test_base_in_a_repository_without_commits_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditorError, match="unknown revision"):
        open_change(new(tmp_path / "empty"), "main", None)


def test_after_criss_cross_merges_all_merge_bases_count_and_it_is_said(folder: Path) -> None:
    """What only one of the merge bases has would be new after a real merge, so one of them is not enough."""
    main, change_tip = git(folder, "rev-parse", "main", "change").split()
    git(folder, "merge", "--quiet", "--no-edit", main)
    git(folder, "checkout", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-edit", change_tip)
    with open_change(folder, "main", "change") as change:
        assert {tree.label for tree in change.merge_bases} == {main, change_tip}
        assert any("2 merge bases" in note for note in change.notes)
