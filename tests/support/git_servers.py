"""Real git servers on loopback: git's own `http-backend` behind a small web server that counts, refuses, redirects and hangs."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, field

from fixtures.loopback import Loopback, Quiet
from tests.support.repositories import git

_PIECE = 1 << 15


class Counted(Struct):
    """What went over the wire: requests as `METHOD path`, bytes of bodies both ways, and the `Authorization` of each."""

    requests: list[str] = field(default_factory=list)
    sent: int = 0
    received: int = 0
    authorizations: list[str] = field(default_factory=list)

    @property
    def round_trips(self) -> int:
        """How often somebody waited for the server."""
        return len(self.requests)


class GitServer(Loopback):
    """Serves the bare repositories below a folder. `secret` is what a caller must send (`user:password`).

    `moved` maps one path of a repository to an address, `version_2` off makes it a server of old, `hangs` lets it never answer.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.counted = Counted()
        self.secret = ""
        self.moved: dict[str, str] = {}
        self.version_2 = True
        self.bytes_per_second = 1e9
        self.hangs = threading.Event()
        super().__init__(type("Handler", (_Handler,), {"git": self}))

    def address(self, name: str) -> str:
        """Of a repository."""
        return f"{self.url}/{name}"


def served(root: Path, work: Path, name: str, *options: str) -> Path:
    """Put a copy of a repository on a server; push to it with `git push`."""
    bare = root / f"{name}.git"
    git(work, "clone", "--quiet", "--bare", str(work), str(bare))
    for option in ("uploadpack.allowFilter=true", *options):
        key, _, value = option.partition("=")
        git(bare, "config", key, value)
    return bare


class _Handler(Quiet):
    protocol_version = "HTTP/1.1"
    git: GitServer

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            self._answer(b"".join(self._chunks()))
        else:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, body: bytes) -> None:
        server, (path, _, query) = self.git, self.path.partition("?")
        counted = server.counted
        counted.requests.append(f"{self.command} {path}")
        counted.received += len(body)
        counted.authorizations.append(self.headers.get("Authorization", ""))
        moved = next((old for old in server.moved if path.startswith(f"/{old}/")), None)
        wanted = f"Basic {base64.b64encode(server.secret.encode()).decode()}"
        if server.hangs.is_set():
            server.over.wait(120)
        elif moved is not None:
            self._reply(301, {"Location": f"{server.moved[moved]}{path.removeprefix(f'/{moved}')}?{query}"}, b"")
        elif server.secret and counted.authorizations[-1] != wanted:
            self._reply(401, {"WWW-Authenticate": 'Basic realm="acme"'}, b"")
        else:
            status, headers, content = _backend(server, self, path, query, body)
            counted.sent += len(content)
            self._reply(status, headers, content)

    def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):
            for start in range(0, len(content), _PIECE):
                self.wfile.write(content[start : start + _PIECE])
                self.git.over.wait(_PIECE / self.git.bytes_per_second)


def _backend(
    server: GitServer, request: Quiet, path: str, query: str, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """One run of `git http-backend` (git-http-backend(1)), a CGI program."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(server.root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": request.command,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
    }
    if server.version_2:
        environment["GIT_PROTOCOL"] = request.headers.get("Git-Protocol", "")
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    return int(headers.pop("Status", "200").split()[0]), headers, content
