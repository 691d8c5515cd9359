"""Repositories as git: bare, one commit a night, written by `git fast-import` in one pack each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.fleet.shapes import Files

BRANCH: Final = "main"
_CONFIG: Final = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
"""
_WHO: Final = "Acme Platform <platform@acme.example>"
_SINCE: Final = 1_772_000_000
"""Seconds since 1970 of the first night's commit."""
_NIGHT: Final = 86_400


def create(folder: Path, files: Files) -> None:
    """A bare repository with one commit. What `git init` does is done by hand: a process less for each of a thousand."""
    for part in ("objects/info", "objects/pack", "refs/heads", "refs/tags"):
        (folder / part).mkdir(parents=True)
    (folder / "HEAD").write_text(f"ref: refs/heads/{BRANCH}\n")
    (folder / "config").write_text(_CONFIG)
    _import(folder, _commit("Deploy", {path: text.encode() for path, text in files.items()}, 0))


def commit(folder: Path, before: Files, after: Files, night: int = 1) -> int:
    """One more commit that makes the one tree the other; how many files that touches."""
    put = {path: text.encode() for path, text in after.items() if before.get(path) != text}
    gone = sorted(before.keys() - after.keys())
    if not put and not gone:
        return 0
    delete = "".join(f"D {path}\n" for path in gone).encode()
    _import(folder, _commit("Raise versions", put, night, b"from refs/heads/%s^0\n" % BRANCH.encode() + delete))
    return len(put) + len(gone)


def _commit(message: str, put: Mapping[str, bytes], night: int, more: bytes = b"") -> bytes:
    """A commit as `git fast-import` reads it."""
    head = (
        f"commit refs/heads/{BRANCH}\ncommitter {_WHO} {_SINCE + night * _NIGHT} +0000\n"
        f"data {len(message)}\n{message}\n"
    )
    parts = [head.encode(), more]
    for path, content in sorted(put.items()):
        parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(content), content))
    return b"".join((*parts, b"\ndone\n"))


def _import(folder: Path, stream: bytes) -> None:
    command = ["git", "-c", "fastimport.unpackLimit=0", "fast-import", "--quiet", "--done"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    subprocess.run(command, cwd=folder, input=stream, env=environment, check=True)
