"""A proxy that lets bytes arrive later, as distance does: `latency` seconds from client to server, nothing on the way back.

A question and its answer then take `latency` longer, and so does a TLS handshake. Run as a program, so that it costs neither side:
`python -m benchmarks.delay PORT SECONDS` relays to 127.0.0.1:PORT and prints its own port.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

_BACKLOG: Final = 512


class _Back(asyncio.Protocol):
    """From the server to the client, at once."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._client.close()


class _There(asyncio.Protocol):
    """From the client to the server, late. Order is kept: every piece waits as long as the one before it."""

    def __init__(self, port: int, latency: float) -> None:
        self._port = port
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._dialling: asyncio.Task[None] | None = None
        self._server: asyncio.Transport | None = None
        self._early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._dialling = self._loop.create_task(self._dial(transport))

    async def _dial(self, client: asyncio.Transport) -> None:
        try:
            self._server, _ = await self._loop.create_connection(lambda: _Back(client), "127.0.0.1", self._port)
        except OSError:
            client.close()
        else:
            self._write(b"")

    def data_received(self, data: bytes) -> None:
        self._loop.call_later(self._latency, self._write, data)

    def _write(self, data: bytes) -> None:
        self._early += data
        if self._server is not None and self._early:
            self._server.write(bytes(self._early))
            self._early.clear()

    def connection_lost(self, _error: Exception | None) -> None:
        self._loop.call_later(self._latency, self._close)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()


async def relay(port: int, latency: float) -> None:
    """Relay until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _There(port, latency), "127.0.0.1", 0, backlog=_BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), float(sys.argv[2])))
