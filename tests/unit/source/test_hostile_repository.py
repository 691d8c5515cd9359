"""Nothing that a repository or the environment names is run, and the environment cannot put another repository in place."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.errors import SourceError
from auditor.source.change import open_change
from auditor.source.git import open_repository
from tests.support.repositories import commit, git, new, write


def run_everything(folder: Path) -> None:
    """Every reading that exists: listings, contents, identities, merge bases, of commits and of the working tree."""
    for base, head in ((None, None), ("HEAD~1", None), ("HEAD~1", "HEAD")):
        with open_change(folder, base, head) as change:
            for tree in filter(None, (change.head, change.base, change.merge_base)):
                for path in tree.entries():
                    tree.content_id(path)
                    tree.read(path)


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path, str]:
    """A repository of two commits, the file that must not appear, and a program that makes it appear."""
    marker = tmp_path / "was-run"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    program.chmod(0o755)
    folder = new(tmp_path / "trap")
    commit(folder, {"a.yaml": "1"})
    commit(folder, {"a.yaml": "2", ".gitattributes": "*.yaml filter=evil diff=evil merge=evil\n"})
    return folder, marker, str(program)


def test_hooks_filters_monitors_and_every_other_program_of_the_configuration_stay_still(
    trap: tuple[Path, Path, str],
) -> None:
    folder, marker, program = trap
    for name in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.alternateRefsCommand",
        "core.gitProxy",
        "credential.helper",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "gpg.program",
        "interactive.diffFilter",
        "pager.ls-files",
        "pager.rev-parse",
        "uploadpack.packObjectsHook",
    ):
        git(folder, "config", name, program)
    for alias in ("cat-file", "for-each-ref", "ls-files", "ls-tree", "merge-base", "rev-list", "rev-parse"):
        git(folder, "config", f"alias.{alias}", f"!{program}")
    git(folder, "config", "core.hooksPath", str(folder / "hooks"))
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"):
        write(folder, {f"hooks/{hook}": Path(program).read_text()})
        (folder / "hooks" / hook).chmod(0o755)
    marker.unlink(missing_ok=True)
    os.utime(folder / "a.yaml", (1, 1))  # makes git look at the content, were it asked
    run_everything(folder)
    assert not marker.exists()
    git(folder, "status", "--short")
    assert marker.exists(), "the trap does not work: git itself was to fall into it"


def test_a_partial_clone_does_not_call_its_remote(tmp_path: Path) -> None:
    source = new(tmp_path / "source")
    name = commit(source, {"a": "1"})
    git(source, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{source}", "partial")
    marker = tmp_path / "was-run"
    git(tmp_path / "partial", "config", "remote.origin.url", f"ext::touch {marker}")
    git(tmp_path / "partial", "config", "protocol.ext.allow", "always")
    with open_repository(tmp_path / "partial") as repository:
        tree = repository.tree(name)
        with pytest.raises(Exception, match="not in this clone"):
            tree.read("a")
    assert not marker.exists()


def test_variables_of_a_calling_hook_do_not_choose_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong = new(tmp_path / "right"), new(tmp_path / "wrong")
    name = commit(right, {"right": "1"})
    commit(wrong, {"wrong": "1"})
    for variable, value in {
        "GIT_DIR": wrong / ".git",
        "GIT_WORK_TREE": wrong,
        "GIT_INDEX_FILE": wrong / ".git/index",
        "GIT_OBJECT_DIRECTORY": wrong / ".git/objects",
        "GIT_COMMON_DIR": wrong / ".git",
        "GIT_NAMESPACE": "other",
        "GIT_TRACE": tmp_path / "trace",
        "GIT_EXTERNAL_DIFF": "/bin/false",
        "GIT_NO_REPLACE_OBJECTS": "0",
    }.items():
        monkeypatch.setenv(variable, str(value))
    with open_repository(right) as repository:
        assert repository.top == right
        assert repository.commit("HEAD") == name
        assert list(repository.working_tree().entries()) == ["right"]
        assert repository.tree(name).read("right") == b"1"
    assert not (tmp_path / "trace").exists()


def test_replaced_objects_are_not_taken(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    name = commit(folder, {"a": "signed", "b": "evil"})
    git(folder, "replace", git(folder, "rev-parse", "HEAD:a"), git(folder, "rev-parse", "HEAD:b"))
    assert git(folder, "show", "HEAD:a") == "evil"
    with open_repository(folder) as repository:
        assert repository.tree(name).read("a") == b"signed"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_an_error_that_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = new(tmp_path / "r")
    commit(folder, {"a": "1"})
    for path in (folder, folder / ".git"):
        os.chown(path, 4321, 4321)
    with pytest.raises(SourceError, match="belongs to another user") as caught:
        open_change(folder, None, None)
    assert f"git config --global --add safe.directory {folder}" in caught.value.help


def test_a_folder_that_cannot_be_entered_is_not_replaced_by_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new(tmp_path / "r")
    commit(folder, {"a": "1"})
    monkeypatch.chdir(folder)
    with pytest.raises(SourceError):
        open_repository(tmp_path / "missing" / "deeper")


def test_a_machine_without_git_reads_folders_and_refuses_revisions(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    commit(folder, {"a": "1"})
    code = (
        "import sys; from pathlib import Path; from auditor.source.change import open_change\n"
        "change = open_change(Path(sys.argv[1]), None, None); print(list(change.head.entries()), change.notes)\n"
        "open_change(Path(sys.argv[1]), 'HEAD', None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env={"PATH": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("['a'] ('git is not installed")
    assert "GitMissing: git is needed" in done.stderr


def test_git_without_the_systems_programs_beside_it_is_told(tmp_path: Path) -> None:
    """A PATH of git alone: its environment is cleaned by `env`."""
    folder = new(tmp_path / "r")
    commit(folder, {"a": "1"})
    (tmp_path / "bin").mkdir()
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin" / "git").symlink_to(git)
    code = "import sys; from pathlib import Path; from auditor.source.change import open_change; open_change(Path(sys.argv[1]), 'HEAD', None)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env={"PATH": str(tmp_path / "bin"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "GitMissing: env is needed to run git" in done.stderr


def test_a_bare_repository_among_the_files_of_another_is_not_ours(tmp_path: Path) -> None:
    """A pull request can commit such a folder, with its own `origin/main`: the rules of base would be its author's."""
    outer = new(tmp_path / "outer")
    commit(outer, {"apps/a.yaml": "1"})
    planted = outer / "apps"
    subprocess.run(["git", "init", "-q", "--bare", str(planted)], check=True, env=os.environ)
    for folder in (planted, planted / "refs"):
        with pytest.raises(SourceError, match="inside of another one's files"):
            open_change(folder, "HEAD", None)
    (planted / "config").write_text("[core]\n\tbare = false\n\tworktree = ..\n")
    with pytest.raises(SourceError):
        open_change(planted, "HEAD", None)


def test_a_bare_repository_of_its_own_is_read_also_from_below(tmp_path: Path) -> None:
    bare = tmp_path / "mirror.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True, env=os.environ)
    for folder in (bare, bare / "refs"):
        with open_repository(folder) as repository:
            assert repository.bare
            assert repository.top == bare
