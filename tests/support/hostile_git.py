"""A git server over HTTP that means harm: it says what its kind says, without end where that is what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from typing import Final

from fixtures.loopback import Loopback, Quiet

_COMMIT: Final = b"1" * 40
_END: Final = b"0000"
ENDLESS: Final = ("branches", "advertisement", "progress", "shallow")
"""Where a client keeps in memory what it is told: lists of refs by protocol 2 and 0, what is to be shown, and edges of history."""


class HostileGit(Loopback):
    """On 127.0.0.1. `asked` is each request.

    `kind`: one of ENDLESS; `drip`, a byte now and then; `dumb`, plain files that name another server's objects (`elsewhere`), and
    `dumb-nothing` without any; `garbage` and `nothing`, no git at all.
    """

    def __init__(self, kind: str, elsewhere: str = "") -> None:
        self.kind = kind
        self.elsewhere = elsewhere
        self.asked: list[str] = []
        super().__init__(type("Handler", (_Handler,), {"git": self}))

    @property
    def url(self) -> str:
        """Of a repository there."""
        return f"{super().url}/apps.git"


def packet(content: bytes) -> bytes:
    """One line of git's protocol (gitprotocol-common(5))."""
    return b"%04x" % (len(content) + 4) + content


def _first(kind: str) -> Iterator[bytes]:
    """The answer to `info/refs`."""
    yield packet(b"# service=git-upload-pack\n") + _END
    if kind == "advertisement":
        yield packet(_COMMIT + b" HEAD\0multi_ack shallow filter\n")
        yield from repeat(b"".join(packet(_COMMIT + b" refs/heads/%d\n" % number) for number in range(1000)))
    words = (b"version 2\n", b"ls-refs\n", b"fetch=shallow filter\n", b"object-format=sha1\n")
    yield b"".join(map(packet, words)) + _END


def _second(kind: str, asked: bytes) -> Iterator[bytes]:
    """The answer to a command."""
    if kind == "branches":
        while True:
            yield packet(_COMMIT + b" refs/heads/" + b"x" * 1000 + b"\n") * 100
    if b"ls-refs" in asked:
        yield (
            packet(_COMMIT + b" HEAD symref-target:refs/heads/main\n") + packet(_COMMIT + b" refs/heads/main\n") + _END
        )
    elif kind == "shallow":
        yield packet(b"shallow-info\n")
        yield from repeat(b"".join(packet(b"shallow %040x" % number) for number in range(1, 1000)))
    else:
        yield packet(b"packfile\n")
        while True:
            yield packet(b"\x02" + b"x" * 60_000) * 10


class _Handler(Quiet):
    git: HostileGit

    def do_GET(self) -> None:
        self.git.asked.append(self.path)
        match self.git.kind:
            case "dumb":
                self._dumb()
            case "dumb-nothing":
                self._say("text/plain", iter([]))
            case "garbage" | "nothing" as kind:
                self._say("text/html", iter([b"<html>" + b"\xff\x00" * 100] if kind == "garbage" else []))
            case "drip":
                self._say("application/x-git-upload-pack-advertisement", self._drip())
            case kind:
                self._say("application/x-git-upload-pack-advertisement", _first(kind))

    def do_POST(self) -> None:
        self.git.asked.append(self.path)
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._say("application/x-git-upload-pack-result", _second(self.git.kind, asked))

    def _dumb(self) -> None:
        """The dumb protocol (gitprotocol-http(5)): refs, and where else objects are."""
        files = {
            "/info/refs": _COMMIT + b"\trefs/heads/main\n",
            "/HEAD": b"ref: refs/heads/main\n",
            "/objects/info/http-alternates": f"{self.git.elsewhere}/objects\n".encode(),
        }
        content = files.get(self.path.partition("?")[0].removeprefix("/apps.git"))
        if content is None:
            self.send_error(404)
        else:
            self._say("text/plain", iter([content]))

    def _drip(self) -> Iterator[bytes]:
        while not self.git.over.wait(0.2):
            yield b"0"

    def _say(self, kind: str, pieces: Iterator[bytes]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()  # HTTP/1.0: it ends with the connection
        with suppress(OSError):
            for piece in pieces:
                if self.git.over.is_set():
                    return
                self.wfile.write(piece)
