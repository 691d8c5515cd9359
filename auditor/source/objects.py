"""Blobs of a git repository, read through one `git cat-file --batch` that stays open."""

from __future__ import annotations

import threading

from auditor.source.commands import Commands, Process
from auditor.source.tree import Unreadable


class Blobs:
    """Content by object name. Safe to use from several threads: requests are answered one after the other."""

    def __init__(self, commands: Commands, limit: int) -> None:
        self._commands = commands
        self._limit = limit
        self._lock = threading.Lock()
        self._process: Process | None = None

    def read(self, name: str, path: str) -> bytes:
        """The blob's bytes, at most `limit` of them. Raises Unreadable, naming `path`."""
        with self._lock:
            process = self._process = self._process or self._commands.start("cat-file", "--batch")
            try:
                content = self._ask(process, name, path)
            except (Unreadable, OSError) as error:
                self._end()
                if isinstance(error, Unreadable):
                    raise
                raise Unreadable(f"{path}: git stopped answering: {process.error()}") from error
        return content

    def close(self) -> None:
        """End the command. Reading again starts another one."""
        with self._lock:
            self._end()

    def _ask(self, process: Process, name: str, path: str) -> bytes:
        """One request: `<name>` → `<name> <type> <size>`, the content, a line feed (git-cat-file, batch output)."""
        process.stdin.write(name.encode("ascii") + b"\n")
        process.stdin.flush()
        header = process.stdout.readline().split()
        match header:
            case [_, b"blob", size] if int(size) <= self._limit:
                content = process.stdout.read(int(size) + 1)
            case [_, b"blob", size]:
                raise Unreadable(f"{path}: {int(size):,} bytes, more than the {self._limit:,} that are read")
            case _:
                raise Unreadable(f"{path}: its content is not in this clone (partial or damaged)")
        if len(content) != int(size) + 1:
            raise Unreadable(f"{path}: git stopped answering in the middle of it")
        return content[:-1]

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None
