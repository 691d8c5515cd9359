"""Requests over pooled connections, as a transport under httpx.

httpx gives the shape (requests, the auth flow, proxies); its own connection pool costs more than all else that a request
needs (`benchmarks/registry_transport.py`). Answers are read whole, within their bound, before they are handed up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import httpx

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry.connection import Connection, Sent, too_large
from auditor.registry.faults import Failed, Malformed, from_exception
from auditor.registry.hosts import Origin
from auditor.registry.tls import Contexts
from auditor.version import __version__

DEADLINE: Final = "auditor.deadline"
"""Request extension: when the request must have ended, in monotonic seconds."""
BOUND: Final = "auditor.bound"
"""Request extension: bytes of the body that are read at most."""
TARGET: Final = "target"
"""Request extension of httpx: path and query as they are sent, in place of the URL's own."""
HEADERS: Final = {"User-Agent": f"auditor/{__version__}", "Accept-Encoding": "identity"}
"""Sent with every request. No encoding is accepted: what is hashed must arrive as it is stored."""
_UNENCODED: Final = frozenset({"identity", ""})


class Received:
    """A whole answer: status, headers in their order and as often as they came (latin-1), body."""

    def __init__(self, status: int, raw: Iterable[tuple[str, str]], content: bytes, host: str) -> None:
        self.status_code = status
        self.raw: list[tuple[str, str]] = []
        self.headers: dict[str, str] = {}
        """By their names in lower case; what came several times is one list (RFC 9110 §5.3)."""
        self.content = content
        self.shown: str | None = None
        """The header `Authorization` of its request, where somebody wants to know."""
        for pair in raw:
            self._take(pair, host)

    def _take(self, pair: tuple[str, str], host: str) -> None:
        """Keep one header, unless it is of no use. Refuses encodings: we asked for none, and a decompressor is a bomb's target."""
        name, value = pair[0].lower(), pair[1]
        if name == "set-cookie":  # cookies are of no use to us, and httpx would keep them
            return
        if name == "content-encoding" and value.strip().lower() not in _UNENCODED:
            raise Failed(FaultKind.MALFORMED, f"{host} compressed its answer although it was asked not to")
        self.raw.append(pair)
        text = value if value.isascii() else _decoded(value)
        known = self.headers.get(name)
        self.headers[name] = text if known is None else f"{known}, {text}"

    def response(self) -> httpx.Response:
        """The same as httpx has it."""
        return httpx.Response(
            self.status_code,
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.raw],
            content=self.content,
        )


class PooledTransport(httpx.BaseTransport):
    """Connections by origin, the most recently used first. Thread-safe: a connection serves one thread at a time."""

    def __init__(self, contexts: Contexts, limits: Limits) -> None:
        self._contexts = contexts
        self._limits = limits
        self._idle: dict[Origin, deque[Connection]] = {}
        self._busy: set[Connection] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its answer. Raises Failed and nothing else."""
        target = request.extensions.get(TARGET, request.url.raw_path).decode("ascii")
        content = request.read() or None
        bounds = _deadline(request, self._limits), bound(request, self._limits)
        return self.send(
            origin_of(request.url), Sent(request.method, target, request.headers.raw, content, *bounds)
        ).response()

    def send(self, origin: Origin, sent: Sent) -> Received:
        """The same without httpx, whose objects cost as much as all else. Raises Failed and nothing else."""
        try:
            return self._exchange(origin, sent)
        except (OSError, ValueError) as error:
            raise from_exception(error, origin.authority) from error

    def _exchange(self, origin: Origin, sent: Sent) -> Received:
        kept = self._kept(origin)
        if kept is not None:
            try:
                return self._converse(origin, kept, sent)
            except (ConnectionError, Malformed):
                # The server closed a kept connection while it was idle, or left something of its last answer in it.
                # That says nothing about this request: it goes out on a fresh connection. What `stop` has ended does not.
                if self._stopped:
                    raise
        context = self._contexts.of(origin) if origin.scheme == "https" else None
        return self._converse(origin, Connection(origin, context, self._limits), sent)

    def _converse(self, origin: Origin, connection: Connection, sent: Sent) -> Received:
        self._busy.add(connection)
        try:
            connection.open_until(sent.deadline)
            self._check_running()  # while it was opened, there was nothing to end
            answer = connection.exchange(sent)
        except BaseException:
            connection.close()
            raise
        finally:
            self._busy.discard(connection)
        if answer.reusable:
            self._give(origin, connection)
        else:
            connection.close()
        return Received(answer.status, answer.headers, bytes(answer.body), origin.authority)

    def _check_running(self) -> None:
        if self._stopped:
            raise ConnectionAbortedError("the run was stopped")

    def _kept(self, origin: Origin) -> Connection | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None

    def _give(self, origin: Origin, connection: Connection) -> None:
        with self._lock:
            self._idle.setdefault(origin, deque()).append(connection)

    def stop(self) -> None:
        """End the requests that are under way, and send no more."""
        self._stopped = True
        for connection in self._busy.copy():
            connection.abort()

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), {}
        for connections in idle:
            for connection in connections:
                connection.close()


class ProxiedTransport(httpx.BaseTransport):
    """httpx's own transport, for what goes through a proxy, with the same bounds and the same errors."""

    def __init__(self, proxy: str, contexts: Contexts, limits: Limits) -> None:
        self._proxy = proxy
        self._contexts = contexts
        self._limits = limits
        self._inner: dict[Origin, httpx.HTTPTransport] = {}
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the proxy and read its answer. Raises Failed and nothing else."""
        origin = origin_of(request.url)
        left = _deadline(request, self._limits) - time.monotonic()
        limits = self._limits
        request.extensions["timeout"] = {
            "connect": min(limits.connect_seconds, max(left, 0.001)),
            **dict.fromkeys(("read", "write", "pool"), min(limits.read_seconds, max(left, 0.001))),
        }
        try:
            with_body = self._transport(origin).handle_request(request)
            return self._read(with_body, request, origin)
        except (httpx.HTTPError, OSError, ValueError) as error:
            raise _from_httpx(error, f"{origin.authority} (through the proxy)") from error

    def _read(self, response: httpx.Response, request: httpx.Request, origin: Origin) -> httpx.Response:
        most, deadline, body = bound(request, self._limits), _deadline(request, self._limits), bytearray()
        try:
            for piece in response.iter_raw():
                body += piece
                if len(body) > most:
                    raise too_large(origin.authority, most)
                if time.monotonic() > deadline:
                    raise TimeoutError
        finally:
            response.close()
        pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        return Received(response.status_code, pairs, bytes(body), origin.authority).response()

    def _transport(self, origin: Origin) -> httpx.HTTPTransport:
        with self._lock:
            if origin not in self._inner:
                context = self._contexts.of(origin) if origin.scheme == "https" else False
                self._inner[origin] = httpx.HTTPTransport(verify=context, proxy=self._proxy, trust_env=False)
            return self._inner[origin]

    def close(self) -> None:
        """Close every connection."""
        for transport in self._inner.values():
            transport.close()


def _decoded(value: str) -> str:
    """A header that is no ASCII: UTF-8 where it is that, as httpx reads it."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except ValueError:
        return value


def bound(request: httpx.Request, limits: Limits) -> int:
    """Bytes of the body that may be read."""
    return int(request.extensions.get(BOUND, limits.manifest_bytes))


def _deadline(request: httpx.Request, limits: Limits) -> float:
    return float(request.extensions.get(DEADLINE) or time.monotonic() + limits.request_seconds)


def origin_of(url: httpx.URL) -> Origin:
    """The origin as it is resolved and verified: `url.host` would decode international names."""
    return Origin(url.scheme, url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))


_HTTPX: Final[tuple[tuple[type[Exception], Callable[[], Exception]], ...]] = (
    (httpx.TimeoutException, TimeoutError),
    (httpx.ProxyError, lambda: OSError("the proxy refused")),
    (httpx.RemoteProtocolError, lambda: ValueError("protocol")),
    (httpx.HTTPError, lambda: OSError("network error")),
)


def _from_httpx(error: Exception, host: str) -> Failed:
    """The fault behind httpx's own errors: what the operating system or TLS said, where that is in the chain of causes."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return from_exception(cause, host)
        cause = cause.__cause__ or cause.__context__
    return from_exception(next((make() for kind, make in _HTTPX if isinstance(error, kind)), error), host)
