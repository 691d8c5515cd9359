"""A small web server in a thread: what Fulcio asks (an identity provider, a certificate transparency log) is served by it."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from msgspec import Struct


class Request(Struct, frozen=True):
    """What was asked beside the path: the first value of each parameter, headers by lower-case name, the body."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


Answer: TypeAlias = Callable[[Request], Mapping[str, Any] | None]
"""From a request to the JSON of its answer; None refuses it (401)."""


@contextmanager
def serve(
    routes: Mapping[str, Answer], *, address: tuple[str, int] = ("127.0.0.1", 0), tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Answers the paths of `routes` until the end; gives the port."""
    handler = type("Handler", (_Handler,), {"routes": routes})
    with ThreadingHTTPServer(address, handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes: Mapping[str, Answer]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        route = self.routes.get(path)
        request = Request(dict(parse_qsl(query)), {name.lower(): value for name, value in self.headers.items()}, body)
        answer = route(request) if route else None
        content = json.dumps(answer or {}).encode()
        self.send_response(404 if route is None else 401 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: a failing test prints what the programs said."""
