"""`auditor audit` of what is made to mislead it: nothing that a repository holds may keep its tree from being read."""

from __future__ import annotations

from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.support import repositories


def test_a_file_named_head_does_not_pass_for_the_commit_of_a_worktree(estate: Estate) -> None:  # noqa: F811 - as above
    """In a worktree `.git` is a file, and a tracked file `HEAD` lies where a bare repository has its own."""
    main = estate.own("main", "api")
    repositories.git(main, "worktree", "add", "--quiet", "-b", "other", str(estate.folder / "tree"))
    estate.audit("tree", status=0)
    read = repositories.git(estate.folder / "tree", "rev-parse", "HEAD")
    files = {"HEAD": f"{read}\n", "more.yaml": estate.house.images.pod("unsigned")}
    repositories.commit(estate.folder / "tree", files)
    assert "unsigned-image" in estate.audit("tree", status=1).rules
