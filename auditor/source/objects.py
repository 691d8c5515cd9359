"""Blobs of a git repository, read through `git cat-file --batch` commands that stay open.

A blob read alone costs a round trip between two processes, four times what git needs for it. Where the caller knows what it
will read (`expect`), requests are sent ahead, and git works while the caller does. A second command answers everything else.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Final, Protocol

from auditor.source.commands import Commands, Process
from auditor.source.sweep import swept
from auditor.source.tree import Unreadable

_AHEAD: Final = 64
"""Requests sent ahead: 4 KiB at most, so that writing them never waits for git while git waits for us to read."""
_FEW: Final = 16
"""Blobs for which no command of their own is started: that costs as much as asking for so many."""
_KEPT_BYTES: Final = 16 * 1024 * 1024
"""Content that is kept: manifests are looked at for deployers, for settings and for images, one look after the other."""
_SWEPT_BYTES: Final = 48 * 1024 * 1024
"""The same where all manifests are looked at in one go: those that a change may bring to matter are looked into again."""
_KEPT_SIZE: Final = 64 * 1024
"""What is larger is seldom looked at twice, and would push out many that are."""


class Lost(Unreadable):
    """A file that should be there and could not be had: another time it may be."""


class Supply(Protocol):
    """Where blobs come from that a clone may lack."""

    def bring(self, names: Iterable[str]) -> None:
        """Get those that are missing. What cannot be had stays missing: reading it tells."""
        ...


class Blobs:
    """Content by object name. Safe to use from several threads: requests are answered one after the other."""

    def __init__(self, commands: Commands, limit: int, supply: Supply | None = None) -> None:
        self._supply = supply
        self._lock = threading.Lock()
        self._commands = commands
        self._limit = limit
        self._direct = Channel(commands, limit)
        self._ahead = Channel(commands, limit)
        self._asked: deque[str] = deque()
        self._waiting: deque[str] = deque()
        self._expected: Counter[str] = Counter()
        self._kept = Kept()

    def expect(self, names: Iterable[str]) -> None:
        """These will be read soon, in this order. Some may be left out, and others read in between."""
        with self._lock:
            added = [name for name in names if name not in self._kept]
            if self._supply is not None:
                self._supply.bring(added)
            self._waiting.extend(added)
            self._expected.update(added)

    def read(self, name: str, path: str) -> bytes:
        """The blob's bytes, at most the limit. Raises Unreadable, naming `path`."""
        with self._lock:
            content = self._kept.get(name)
            if content is None:
                content = self._fetch(name, path)
                self._kept.put(name, content)
            return content

    def sweep(self, paths: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """The content of each of many blobs by name, once, in any order. What cannot be read is left out.

        `paths`: a path for each name, to tell what went wrong.
        """
        with self._lock:
            at_hand = {name: content for name in paths if (content := self._kept.get(name)) is not None}
            wanted = [name for name in paths if name not in at_hand]
            if self._supply is not None:
                self._supply.bring(wanted)
        yield from at_hand.items()
        few = len(wanted) <= _FEW
        for name, content in ((name, None) for name in wanted) if few else swept(self._commands, wanted, self._limit):
            if content is not None:
                with self._lock:
                    self._kept.put(name, content, again=True)
                yield name, content
                continue
            try:
                found = self.read(name, paths[name])
            except Unreadable:
                continue
            yield name, found

    def _fetch(self, name: str, path: str) -> bytes:
        if self._expected[name] > 0:
            return self._next(name, path)
        if self._supply is not None:
            self._supply.bring([name])
        self._direct.ask([name])
        return self._direct.answer(path)

    @property
    def lost(self) -> bool:
        """Whether something that should be here could not be had."""
        return self._supply is None and (self._direct.lost or self._ahead.lost)

    def close(self) -> None:
        """End the commands. Reading again starts them again."""
        with self._lock:
            for names in (self._asked, self._waiting, self._expected):
                names.clear()
            self._kept = Kept()
            self._direct.close()
            self._ahead.close()

    def _next(self, name: str, path: str) -> bytes:
        """The answer for `name`, which is expected. What was expected before it is passed over."""
        while True:
            self._fill(name)
            answered = self._asked.popleft()
            self._expected[answered] -= 1
            try:
                content = self._ahead.answer(path)
            except Unreadable:
                self._waiting.extendleft(reversed(self._asked))  # the command has ended, and forgot them
                self._asked.clear()
                if answered == name:
                    raise
                continue
            if answered == name:
                return content

    def _fill(self, name: str) -> None:
        """Have up to `_AHEAD` requests under way, from `name` on."""
        if len(self._asked) > _AHEAD // 2:
            return
        if name not in self._asked:
            while self._waiting[0] != name:
                self._expected[self._waiting.popleft()] -= 1
        more = [self._waiting.popleft() for _ in range(min(_AHEAD - len(self._asked), len(self._waiting)))]
        self._asked.extend(more)
        self._ahead.ask(more)


class Kept:
    """Content that was read last, by object name, up to a bound."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._size = 0
        self._most = _KEPT_BYTES

    def __contains__(self, name: str) -> bool:
        return name in self._contents

    def get(self, name: str) -> bytes | None:
        """The content; None where it is not kept."""
        return self._contents.get(name)

    def put(self, name: str, content: bytes, *, again: bool = False) -> None:
        """Keep it, and let go of what has been kept longest. `again`: it may well be read again, as large as it is."""
        if (len(content) > _KEPT_SIZE and not again) or name in self._contents:
            return
        self._most = max(self._most, _SWEPT_BYTES if again else _KEPT_BYTES)
        self._contents[name] = content
        self._size += len(content)
        while self._size > self._most:
            first = next(iter(self._contents))
            self._size -= len(self._contents.pop(first))


class Channel:
    """One `git cat-file --batch`, started when it is needed and ended by whatever it cannot answer."""

    def __init__(self, commands: Commands, limit: int) -> None:
        self._commands = commands
        self._limit = limit
        self._process: Process | None = None
        self._stalled = False
        self.lost = False

    def ask(self, names: Iterable[str]) -> None:
        """Send requests; each must be answered before many more are sent."""
        if self._stalled:
            return
        process = self._process = self._process or self._commands.start("cat-file", "--batch")
        try:
            process.stdin.write("".join(f"{name}\n" for name in names).encode("ascii"))
            process.stdin.flush()
        except OSError:  # it has ended; there will be no answer
            return

    def answer(self, path: str) -> bytes:
        """The next answer: `<name> <type> <size>`, the content, a line feed (git-cat-file(1), batch output).

        Raises Unreadable, and then the command has ended: answers that were due are lost.
        """
        try:
            return self._read(path)
        except Unreadable as error:
            self.lost = self.lost or isinstance(error, Lost)
            self.close()
            raise

    def close(self) -> None:
        """End the command."""
        if self._process is not None:
            self._stalled = self._stalled or self._process.stalled
            self._process.close()
            self._process = None

    def _read(self, path: str) -> bytes:
        if self._process is None:
            waited = ", and is waited for no more" if self._stalled else ""
            raise Lost(f"{path}: git stopped answering{waited}")
        with self._process.answering(self._commands.seconds):
            return self._content(self._process.stdout, path)

    def _content(self, stdout: IO[bytes], path: str) -> bytes:
        match stdout.readline().split():
            case [_, b"blob", size] if int(size) <= self._limit:
                content = stdout.read(int(size) + 1)
            case [_, b"blob", size]:
                raise Unreadable(f"{path}: {int(size):,} bytes, more than the {self._limit:,} that are read")
            case _:
                raise Lost(f"{path}: its content is not in this clone (partial or damaged)")
        if len(content) != int(size) + 1:
            raise Lost(f"{path}: git stopped answering in the middle of it")
        return content[:-1]
