"""One HTTP/1.1 connection whose every read ends with the request's deadline: a slow drip cannot hold a thread.

`http.client` bounds the time between two reads only. Here the socket is wrapped, so that each read may last until the earlier
of the read time-out and the deadline of the request that is under way.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import time
from typing import Any, BinaryIO

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin, is_link_local, literal


class Timed:
    """A socket as far as `http.client` needs one, with a deadline (monotonic seconds) that each request sets."""

    def __init__(self, sock: socket.socket, read_seconds: float) -> None:
        self._socket = sock
        self._read_seconds = read_seconds
        self._readers = 0
        self._closing = False
        self._armed = sock.gettimeout()
        self.deadline = 0.0

    def sendall(self, data: bytes) -> None:
        """Send all of it before the deadline."""
        self._arm()
        self._socket.sendall(data)

    def recv_into(self, buffer: Any) -> int:
        """Read what has arrived, waiting no longer than allowed. Raises TimeoutError."""
        self._arm()
        return self._socket.recv_into(buffer)

    def makefile(self, _mode: str) -> BinaryIO:
        """The buffered reader that an answer is parsed from."""
        self._readers += 1
        return io.BufferedReader(_Reader(self), 16384)

    def close(self) -> None:
        """Close the connection, once the answer that is being read from it has been closed."""
        self._closing = True
        if not self._readers:
            self._socket.close()

    def abort(self) -> None:
        """End the connection under whoever reads from it now."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """A reader is closed."""
        self._readers -= 1
        if self._closing:
            self.close()

    def _arm(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        timeout = min(left, self._read_seconds)
        if timeout != self._armed:  # each change is a system call, during which another thread takes the interpreter
            self._socket.settimeout(timeout)
            self._armed = timeout


class _Reader(io.RawIOBase):
    """Reads of a Timed socket as a raw stream. Closing it leaves the connection open for the next request."""

    def __init__(self, timed: Timed) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._timed.release()


class Connection(http.client.HTTPConnection):
    """A connection to one origin, opened when the first request is sent. `context` is needed for https."""

    def __init__(self, origin: Origin, context: ssl.SSLContext | None, limits: Limits) -> None:
        super().__init__(origin.host, origin.port)
        self._origin = origin
        self._context = context
        self._limits = limits
        self.timed: Timed | None = None

    def open_until(self, deadline: float) -> None:
        """Make ready for one request that ends at `deadline` (monotonic seconds)."""
        if self.timed is None:
            self.timed = Timed(self._dial(deadline), self._limits.read_seconds)
            self.sock = self.timed
        self.timed.deadline = deadline

    def close(self) -> None:
        """Close the socket; the next request opens a new one."""
        self.timed = None
        super().close()

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
