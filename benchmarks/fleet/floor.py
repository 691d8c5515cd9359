"""The floor: a client that asks exactly what must be asked, on 64 connections, and understands nothing of it.

`python -m benchmarks.fleet.floor FILE [--polite]`: FILE holds chains as JSON, each `[address, [[method, path], …]]`, and the questions
of a chain follow each other. A 429 is waited for as long as its `Retry-After` says: by whoever got it, the others going on, or with
`--polite` by everybody who would ask that address. Prints its requests.
"""

from __future__ import annotations

import http.client
import json
import queue
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

CONNECTIONS: Final = 64
_ACCEPT: Final = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"}
_LIMITED: Final = 429


class Floor:
    """What the threads share: the chains that wait, and when each address may be asked again (monotonic seconds)."""

    def __init__(self, chains: Sequence[Any], *, polite: bool) -> None:
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for chain in chains:
            self._waiting.put(chain)
        self._polite = polite
        self._closed: dict[str, float] = {}
        self.requests: list[int] = []

    def work(self) -> None:
        """Ask chain after chain until none is left, on one connection for each address."""
        connections: dict[str, http.client.HTTPConnection] = {}
        count = 0
        while True:
            try:
                address, chain = self._waiting.get_nowait()
            except queue.Empty:
                self.requests.append(count)
                return
            connection = connections.setdefault(address, http.client.HTTPConnection(address))
            for method, path in chain:
                count += self._ask(address, connection, method, path)

    def _ask(self, address: str, connection: http.client.HTTPConnection, method: str, path: str) -> int:
        """One question until it is answered; how many requests that took."""
        tries, until = 0, self._closed.get(address, 0.0)
        while True:
            time.sleep(max(0.0, until - time.monotonic()))
            tries += 1
            connection.request(method, path, headers=_ACCEPT)
            answer = connection.getresponse()
            answer.read()
            if answer.status != _LIMITED:
                return tries
            until = time.monotonic() + float(answer.getheader("Retry-After") or 1)
            if self._polite:
                self._closed[address] = until


def main(file: Path, *, polite: bool) -> None:
    """Ask everything."""
    chains = json.loads(file.read_text())
    floor = Floor(chains, polite=polite)
    threads = [threading.Thread(target=floor.work) for _ in range(min(CONNECTIONS, len(chains)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(floor.requests))


if __name__ == "__main__":
    main(Path(sys.argv[1]), polite="--polite" in sys.argv[2:])
