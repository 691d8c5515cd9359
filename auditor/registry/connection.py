"""One HTTP/1.1 connection: a request is written, its answer is read whole, and both end with the request's deadline.

Answers are parsed by llhttp (httptools), which refuses what has two readings: two lengths, a length beside chunks, folded headers,
bare line feeds. Each read may last until the earlier of the read time-out and the deadline: a slow drip cannot hold a thread.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import httptools
from msgspec import Struct

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed, Malformed, Truncated
from auditor.registry.hosts import Origin, is_link_local, literal

_PIECE: Final = 65_536
"""Bytes that are read at once: four TLS records."""
_CHUNKED: Final = 8
"""Bytes on the wire for each of a body, at most: the smallest chunk of one byte takes six."""
_LINE: Final = re.compile(rb"[A-Z]+ [\x21-\x7e]+")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[^\x00\r\n]*")
_INTERIM: Final = 200
_BODILESS: Final = frozenset({204, 304})


class Sent(Struct, frozen=True):
    """A request as it is written: path and query, every header, the body; when it must have ended, and its answer's bound."""

    method: str
    target: str
    headers: Iterable[tuple[str | bytes, str | bytes]]
    content: bytes | None
    deadline: float
    bound: int


class Connection:
    """A connection to one origin, opened when the first request is sent. `context` is needed for https."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, limits: Limits) -> None:
        self._origin = origin
        self._context = context
        self._limits = limits
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._armed: float | None = None

    def open_until(self, deadline: float) -> None:
        """Make ready for one request that ends at `deadline` (monotonic seconds). Raises Failed and OSError."""
        self._deadline = deadline
        if self._socket is None:
            self._socket = self._dial(deadline)
            self._armed = self._socket.gettimeout()

    def exchange(self, sent: Sent) -> Answer:
        """Send a request and read its answer. Raises Failed for one that is too large, OSError, and ValueError for what is no HTTP."""
        self._ready().sendall(_written(sent))
        answer = Answer(sent.method, sent.bound)
        parser = httptools.HttpResponseParser(answer)
        answer.parser = parser
        try:
            while not answer.is_whole:
                self._read_into(answer, parser)
        finally:
            answer.parser = None  # nothing may hold itself: garbage is hardly ever collected
        return answer

    def _read_into(self, answer: Answer, parser: httptools.HttpResponseParser) -> None:
        piece = self._ready().recv(_PIECE)
        if not piece:
            answer.end()
            return
        try:
            parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not answer.is_whole:
                raise Malformed(str(error)) from None
            answer.spilled = True  # what comes after it belongs to nobody, and ends the connection
        answer.arrived += len(piece)
        if (most := answer.surpasses(self._limits.header_bytes)) is not None:
            raise too_large(self._origin.authority, most)

    def abort(self) -> None:
        """End the connection under whoever reads from it now."""
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket; the next request opens a new one."""
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()

    def _ready(self) -> socket.socket:
        """The socket, with a time-out for what comes next. Raises TimeoutError where the deadline has passed."""
        assert self._socket is not None
        timeout = min(_left(self._deadline), self._limits.read_seconds)
        if timeout != self._armed:  # each change is a system call, during which another thread takes the interpreter
            self._socket.settimeout(timeout)
            self._armed = timeout
        return self._socket

    def _dial(self, deadline: float) -> socket.socket:
        end = min(deadline, time.monotonic() + self._limits.connect_seconds)
        sock = _connected(self._origin, end)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is None:
                return sock
            sock.settimeout(_left(end))
            return self._context.wrap_socket(sock, server_hostname=self._origin.host)
        except BaseException:
            sock.close()
            raise


class Answer:
    """An answer as it arrives, told by the parser. Interim ones (1xx, RFC 9110 §15.2) are passed over.

    `arrived` counts the bytes so far; `bound` is how many its body may have. `spilled`: something came behind it, or nothing more will.
    """

    def __init__(self, method: str, bound: int) -> None:
        self.bound = bound
        self.arrived = 0
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.parser: httptools.HttpResponseParser | None = None
        self._is_head = method == "HEAD"
        self._headed = False
        self._is_current = True
        self._length = 0
        self.spilled = False
        self.is_whole = False

    @property
    def reusable(self) -> bool:
        """Whether the connection may carry another request (RFC 9112 §9.3)."""
        return not self.spilled and self._is_current and "close" not in self._tokens("connection")

    def surpasses(self, header_bytes: int) -> int | None:
        """The bound that is surpassed: by headers, by the body or its length as told, or by what is sent around it."""
        if not self._headed:
            return header_bytes if self.arrived > header_bytes else None
        much = not self.is_whole and (self._length > self.bound or self.arrived > header_bytes + _CHUNKED * self.bound)
        return self.bound if much or len(self.body) > self.bound else None

    def end(self) -> None:
        """Nothing more comes. Raises Truncated where that is too early, ConnectionResetError where nothing had come."""
        if not self.arrived:
            raise ConnectionResetError
        if not self._headed or self._length or self._tokens("transfer-encoding"):
            raise Truncated
        self.spilled = True
        self.is_whole = True

    def _tokens(self, wanted: str) -> set[str]:
        found: set[str] = set()
        for name, value in self.headers:
            if len(name) == len(wanted) and name.lower() == wanted:
                found.update(token.strip().lower() for token in value.split(","))
        return found

    # ── what httptools calls ─────────────────────────────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        """Of another answer, where this one is whole."""
        self.spilled = self.spilled or self.is_whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Trailers come here too, and are of no use."""
        if not self._headed:
            self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The status is known now."""
        if self._headed:
            return
        assert self.parser is not None
        self.status = self.parser.get_status_code()
        if self.status < _INTERIM:
            self.headers.clear()
            return
        self._headed = True
        self._length = int(next(iter(self._tokens("content-length")), "0"))
        self._is_current = self.parser.get_http_version() == "1.1"
        self.is_whole = self._is_head or self.status in _BODILESS

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        if self.is_whole:
            self.spilled = True
        elif len(self.body) <= self.bound:
            self.body += body

    def on_message_complete(self) -> None:
        """Of an interim answer as well."""
        self.is_whole = self._headed


def too_large(host: str, most: int) -> Failed:
    """The fault of an answer above its bound."""
    return Failed(FaultKind.TOO_LARGE, f"{host} sent more than {most} bytes")


def _written(sent: Sent) -> bytes:
    """The request on the wire. Raises ValueError for what would be read as another one."""
    line = f"{sent.method} {sent.target}".encode("ascii")
    if not _LINE.fullmatch(line):
        raise ValueError("no request line")
    lines = [line + b" HTTP/1.1"]
    for name, value in sent.headers:
        text = _bytes(value)
        if not _VALUE.fullmatch(text):
            raise ValueError("no header")
        lines.append(_named(name) + text)
    return b"\r\n".join((*lines, b"", sent.content or b""))


@lru_cache(maxsize=64)  # there are few names
def _named(name: str | bytes) -> bytes:
    """A header as far as its value."""
    token = _bytes(name)
    if not _NAME.fullmatch(token):
        raise ValueError("no header")
    return token + b": "


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connected(origin: Origin, end: float) -> socket.socket:
    """The first of the host's addresses that answers before `end`."""
    error: Exception = OSError("no address")
    found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        if literal(origin.host) is None and is_link_local(str(address[0])):
            # A public name that points at the metadata service of a cloud: no registry lives there.
            error = Failed(
                FaultKind.REFUSED, f"{origin.host} points at a link-local address, which is not asked", again=False
            )
            continue
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(end))
            sock.connect(address)
        except OSError as failure:
            sock.close()
            error = failure
        else:
            return sock
    raise error
