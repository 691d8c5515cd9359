"""Which commit a revision names, and where two histories part."""

from pathlib import Path

import pytest

from auditor.errors import SourceError
from auditor.source.git import NotARepository, open_repository
from tests.support.repositories import commit, git, new


@pytest.fixture
def forked(tmp_path: Path) -> Path:
    """`main` and `change` with one commit each since they parted at the tag `start`."""
    folder = new(tmp_path / "forked")
    commit(folder, {"a": "1"})
    git(folder, "tag", "start")
    git(folder, "checkout", "--quiet", "-b", "change")
    commit(folder, {"b": "2"})
    git(folder, "checkout", "--quiet", "main")
    commit(folder, {"a": "3"})
    return folder


def clone(source: Path, target: Path, *options: str) -> Path:
    git(source, "clone", "--quiet", *options, f"file://{source}", str(target))
    return target


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
def test_revisions_are_resolved_to_commits(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder = new(tmp_path / "one", *options)
    name = commit(folder, {"a": "1"})
    git(folder, "tag", "--annotate", "--message", "release", "v1")
    with open_repository(folder) as repository:
        for rev in ("HEAD", "main", "refs/heads/main", "v1", "HEAD~0", name, name[:10], "@"):
            assert repository.commit(rev) == name


@pytest.mark.parametrize("rev", ["nowhere", "HEAD~5", "main..main", "HEAD:a", "HEAD^{tree}", "0" * 40])
def test_a_revision_that_names_no_commit_is_an_error_with_help(forked: Path, rev: str) -> None:
    with open_repository(forked) as repository, pytest.raises(SourceError, match="unknown revision") as caught:
        repository.commit(rev)
    assert "git" in caught.value.help


@pytest.mark.parametrize("rev", ["", "-h", "--help", "--output=/tmp/x", "a\nb", "a\0b", "\x1b[2J"])
def test_what_looks_like_an_option_or_holds_control_characters_is_refused(forked: Path, rev: str) -> None:
    with open_repository(forked) as repository, pytest.raises(SourceError, match="no revision"):
        repository.commit(rev)


def test_a_tag_cannot_take_the_place_of_the_target_branch(forked: Path, tmp_path: Path) -> None:
    copy = clone(forked, tmp_path / "copy")
    evil = git(copy, "rev-parse", "origin/change")
    git(copy, "tag", "origin/main", evil)
    assert git(copy, "rev-parse", "origin/main") == evil  # what git itself takes
    with open_repository(copy) as repository:
        with pytest.raises(SourceError, match="ambiguous") as caught:
            repository.commit("origin/main")
        assert repository.commit("refs/remotes/origin/main") == git(forked, "rev-parse", "main")
    assert "refs/remotes/origin/main" in caught.value.help


def test_a_ref_cannot_take_the_place_of_an_abbreviated_commit(forked: Path) -> None:
    short = git(forked, "rev-parse", "main")[:8]
    git(forked, "branch", short, "change")
    with open_repository(forked) as repository, pytest.raises(SourceError, match="ambiguous"):
        repository.commit(short)


def test_help_for_an_unknown_remote_branch_is_the_command_that_fetches_it(forked: Path, tmp_path: Path) -> None:
    copy = clone(forked, tmp_path / "copy", "--single-branch", "--branch", "change", "--depth", "1")
    with open_repository(copy) as repository, pytest.raises(SourceError) as caught:
        repository.commit("origin/main")
    command = caught.value.help.split("`")[1]
    git(copy, *command.split()[1:])
    with open_repository(copy) as repository:
        assert repository.commit("origin/main") == git(forked, "rev-parse", "main")


def test_help_for_an_unknown_commit_fetches_that_commit(forked: Path) -> None:
    with open_repository(forked) as repository, pytest.raises(SourceError) as caught:
        repository.commit("deadbeef" * 5)
    assert f"`git fetch origin {'deadbeef' * 5}`" in caught.value.help


def test_the_merge_base_is_where_the_histories_part(forked: Path) -> None:
    with open_repository(forked) as repository:
        a, b = repository.commit("main"), repository.commit("change")
        assert repository.merge_base(a, b) == git(forked, "rev-parse", "start")


def test_unrelated_histories_have_no_merge_base(forked: Path) -> None:
    git(forked, "checkout", "--quiet", "--orphan", "other")
    commit(forked, {"c": "1"})
    with open_repository(forked) as repository, pytest.raises(SourceError, match="no common history"):
        repository.merge_base(repository.commit("main"), repository.commit("other"))


def criss_cross(folder: Path) -> tuple[str, str]:
    """Merge `main` into `change` and `change` into `main`: both old tips are best common ancestors."""
    main, change = git(folder, "rev-parse", "main", "change").split()
    git(folder, "merge", "--quiet", "--no-edit", change)
    git(folder, "checkout", "--quiet", "change")
    git(folder, "merge", "--quiet", "--no-edit", main)
    return main, change


def test_after_criss_cross_merges_every_merge_base_is_given(forked: Path) -> None:
    expected = criss_cross(forked)
    with open_repository(forked) as repository:
        found = repository.merge_bases(repository.commit("main"), repository.commit("change"))
    assert found == tuple(sorted(expected))


def test_replace_refs_and_grafts_do_not_move_the_merge_base(forked: Path) -> None:
    start, main, change = git(forked, "rev-parse", "start", "main", "change").split()
    git(forked, "replace", "--graft", main, change)
    (forked / ".git/info/grafts").write_text(f"{main} {change}\n")
    assert git(forked, "merge-base", "main", "change") == change  # what git takes without our settings
    with open_repository(forked) as repository:
        assert repository.merge_base(main, change) == start


def test_a_shallow_clone_without_the_merge_base_names_the_remedy_and_the_remedy_works(
    forked: Path, tmp_path: Path
) -> None:
    copy = clone(forked, tmp_path / "copy", "--depth", "1", "--no-single-branch")
    with open_repository(copy) as repository:
        main, change = repository.commit("origin/main"), repository.commit("origin/change")
        with pytest.raises(SourceError, match="shallow") as caught:
            repository.merge_base(main, change)
    assert "`fetch-depth: 0`" in caught.value.help
    command = caught.value.help.split("`")[1]
    assert command == "git fetch --unshallow origin"
    git(copy, *command.split()[1:])
    with open_repository(copy) as repository:
        assert repository.merge_base(main, change) == git(forked, "rev-parse", "start")


def test_a_shallow_clone_with_the_merge_base_is_enough(forked: Path, tmp_path: Path) -> None:
    copy = clone(forked, tmp_path / "copy", "--depth", "2", "--no-single-branch")
    git(copy, "rev-parse", "--verify", "origin/main~1")
    with open_repository(copy) as repository:
        main, change = repository.commit("origin/main"), repository.commit("origin/change")
        assert repository.merge_base(main, change) == git(forked, "rev-parse", "start")


def test_a_merge_commit_and_its_first_parent_need_no_more_history(forked: Path, tmp_path: Path) -> None:
    git(forked, "merge", "--quiet", "--no-edit", "change")
    copy = clone(forked, tmp_path / "copy", "--depth", "2")
    with open_repository(copy) as repository:
        head, base = repository.commit("HEAD"), repository.commit("HEAD^1")
        assert repository.merge_base(base, head) == base


def test_a_worse_merge_base_is_not_taken_where_a_better_one_may_be_cut_off(tmp_path: Path) -> None:
    """`old` is in reach of both sides; that head also holds `better` is behind the cut."""
    folder = new(tmp_path / "folder")
    old = commit(folder, {"a": "1"})
    commit(folder, {"a": "2"})
    better = commit(folder, {"a": "3"})
    git(folder, "branch", "change")
    for step in range(3):
        commit(folder, {"a": f"main {step}"})
    git(folder, "checkout", "--quiet", "change")
    behind = commit(folder, {"b": "1"})
    tip = git(folder, "commit-tree", "change^{tree}", "-p", behind, "-p", old, "-m", "merge of an old branch")
    git(folder, "update-ref", "refs/heads/change", tip)
    (folder / ".git/shallow").write_text(f"{behind}\n")
    main = git(folder, "rev-parse", "main")
    assert git(folder, "merge-base", "--all", main, tip) == old  # what git takes in this clone
    with open_repository(folder) as repository, pytest.raises(SourceError, match="shallow"):
        repository.merge_base(main, tip)
    (folder / ".git/shallow").unlink()
    with open_repository(folder) as repository:
        assert repository.merge_base(main, tip) == better


def test_a_folder_without_a_repository_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotARepository):
        open_repository(tmp_path)


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        open_repository(tmp_path / "a" / "b")


def test_the_git_directory_itself_is_refused(forked: Path) -> None:
    with pytest.raises(SourceError, match="inside a git directory"):
        open_repository(forked / ".git" / "refs")


def test_bare_repositories_are_read(forked: Path, tmp_path: Path) -> None:
    bare = clone(forked, tmp_path / "bare.git", "--bare")
    with open_repository(bare) as repository:
        assert repository.bare
        assert repository.merge_base(repository.commit("main"), repository.commit("change"))
        assert repository.tree(repository.commit("change")).read("b") == b"2"
        with pytest.raises(SourceError, match="bare"):
            repository.working_tree()


def test_linked_working_trees_are_read(forked: Path, tmp_path: Path) -> None:
    git(forked, "worktree", "add", "--quiet", str(tmp_path / "linked"), "change")
    with open_repository(tmp_path / "linked") as repository:
        assert repository.top == tmp_path / "linked"
        assert set(repository.working_tree().entries()) == {"a", "b"}
