"""Real git repositories in temporary folders, made by the git program in a scrubbed environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

ENVIRONMENT = {
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_AUTHOR_EMAIL": "ci@acme.example",
    "GIT_AUTHOR_NAME": "acme",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_EMAIL": "ci@acme.example",
    "GIT_COMMITTER_NAME": "acme",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_SETTINGS = (
    "protocol.file.allow=always",
    "init.defaultBranch=main",
    "maintenance.auto=false",  # each commit would start one more program, which finds nothing to do
)
_HEADS = "ref: refs/heads/"


def git(folder: Path, *arguments: str, **environment: str) -> str:
    """Run git there and return what it prints."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *(part for setting in _SETTINGS for part in ("-c", setting)), *arguments]
    done = subprocess.run(
        command, cwd=folder, env=inherited | ENVIRONMENT | environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n")


def new(folder: Path, *options: str) -> Path:
    """An empty repository."""
    folder.mkdir(parents=True)
    if options:
        git(folder, "init", "--quiet", *options)
    else:
        for name, content in _empty():
            place = folder / name
            place.mkdir() if content is None else place.write_bytes(content)
    return folder


@cache
def _empty() -> tuple[tuple[str, bytes | None], ...]:
    """What git makes of an empty folder, asked once: hundreds of tests begin with it. Folders hold nothing."""
    with TemporaryDirectory() as scratch:
        made = Path(scratch)
        git(made, "init", "--quiet", "--template=")
        (made / ".git" / "info").mkdir()
        return tuple(
            (path.relative_to(made).as_posix(), None if path.is_dir() else path.read_bytes())
            for path in sorted(made.rglob("*"))
        )


def branch(folder: Path, name: str) -> None:
    """A new branch where we are, and go on there; as `git checkout -b` in a repository whose references are files."""
    (folder / ".git" / "refs" / "heads" / name).write_text(f"{head(folder)}\n")
    (folder / ".git" / "HEAD").write_text(f"{_HEADS}{name}\n")


def head(folder: Path) -> str:
    """The name of the commit where we are."""
    try:
        here = (folder / ".git" / "HEAD").read_text().strip()
        return (folder / ".git" / "refs" / "heads" / here.removeprefix(_HEADS)).read_text().strip()
    except OSError:  # another layout, packed, or on no branch
        return git(folder, "rev-parse", "HEAD")


def write(folder: Path, files: Mapping[str, bytes | str]) -> None:
    """Put files there."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def commit(folder: Path, files: Mapping[str, bytes | str] | None = None, message: str = "change") -> str:
    """Write files, commit everything, and return the commit's name."""
    write(folder, files or {})
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return head(folder)
