"""The floor: a client that makes only the requests that any client must make, on 64 connections, and verifies nothing.

Run as a program, so that its start counts as the auditor's does: `python -m benchmarks.minimal FORM REFERENCE…`. With
`SSL_CERT_FILE` it speaks TLS. Whether a signature is a bundle is seen by its referrers; `.sig` is asked for in any case, and a
payload that can be rebuilt is not fetched.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import ssl
import sys
import threading
from typing import Final

_CONNECTIONS: Final = 64
_ACCEPT: Final = {"Accept": "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"}


def ask(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, str | None, bytes]:
    """One request: status, digest header, body."""
    connection.request(method, path, headers=_ACCEPT)
    answer = connection.getresponse()
    return answer.status, answer.getheader("Docker-Content-Digest"), answer.read()


def fetch(connection: http.client.HTTPConnection, form: str, name: str, wanted: str) -> None:
    """Everything that a verifier needs of one image."""
    digest = wanted
    if not wanted.startswith("sha256:"):
        digest = ask(connection, "HEAD", f"/v2/{name}/manifests/{wanted}")[1] or ""
    referrers = json.loads(ask(connection, "GET", f"/v2/{name}/referrers/{digest}")[2])
    signature = ask(connection, "GET", f"/v2/{name}/manifests/{digest.replace(':', '-')}.sig")
    if form == "legacy-fetched":
        blob(connection, name, signature[2])
    for descriptor in referrers["manifests"]:
        blob(connection, name, ask(connection, "GET", f"/v2/{name}/manifests/{descriptor['digest']}")[2])
    if form == "unsigned":
        ask(connection, "GET", f"/v2/{name}/manifests/{digest.replace(':', '-')}.att")


def blob(connection: http.client.HTTPConnection, name: str, manifest: bytes) -> None:
    """The first layer of a manifest."""
    ask(connection, "GET", f"/v2/{name}/blobs/{json.loads(manifest)['layers'][0]['digest']}")


def connect(host: str, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """A connection, opened by its first request."""
    return http.client.HTTPSConnection(host, context=context) if context else http.client.HTTPConnection(host)


def main(form: str, references: list[str]) -> None:
    """Fetch all of them."""
    authority = os.environ.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=authority) if authority else None
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for reference in references:
        waiting.put(reference)

    def work() -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            try:
                reference = waiting.get_nowait()
            except queue.Empty:
                return
            host, _, rest = reference.partition("/")
            connection = connection or connect(host, context)
            name, _, wanted = rest.partition("@") if "@" in rest else rest.rpartition(":")
            fetch(connection, form, name, wanted)

    threads = [threading.Thread(target=work) for _ in range(min(_CONNECTIONS, len(references)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
