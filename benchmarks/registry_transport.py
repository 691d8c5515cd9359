"""CPU per request: our transport under httpx, beside httpx's own and bare `http.client`.

    python -m benchmarks.registry_transport [--requests 4000] [--threads 32] [--tls]

The registry runs in a process of its own, so that only the client's CPU is counted (user and system, `time.process_time`).
Every way asks for the same small manifest and reads it whole.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from auditor.config.rules import RegistrySettings
from auditor.limits import DEFAULT
from auditor.registry.http import Question, Session
from auditor.registry.tls import Contexts
from auditor.registry.transport import PooledTransport

_MANIFEST = json.dumps({"schemaVersion": 2, "config": {"mediaType": "x"}, "layers": []}).encode()
_TYPE = "application/vnd.oci.image.manifest.v1+json"

Ask = Callable[[], bytes]


@contextlib.contextmanager
def served(*, tls: bool) -> Iterator[tuple[str, bytes]]:
    """A registry in another process with one manifest: its URL, and the authority that it is trusted by."""
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "ca.pem")
        command = [sys.executable, "-m", "fixtures.registry", "--ca-out", str(authority)]
        with subprocess.Popen([*command, *(["--tls"] if tls else [])], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            try:
                context = ssl.create_default_context(cadata=authority.read_text())
                put = httpx.Client(verify=context, trust_env=False)
                put.put(f"{url}/v2/acme/api/manifests/1", content=_MANIFEST, headers={"Content-Type": _TYPE})
                put.close()
                yield url, authority.read_bytes()
            finally:
                process.terminate()


def ways(url: str, authority: bytes, stack: contextlib.ExitStack) -> dict[str, Ask]:
    """Each way to ask, by name."""
    target, host = f"{url}/v2/acme/api/manifests/1", urlsplit(url).netloc
    settings = {host: RegistrySettings(host, ca_pem=authority)} if url.startswith("https") else {}
    context = ssl.create_default_context(cadata=authority.decode())
    shared = stack.enter_context(httpx.Client(verify=context, trust_env=False, limits=httpx.Limits(max_connections=64)))
    transport = PooledTransport(Contexts(settings, None), DEFAULT)
    ours = stack.enter_context(httpx.Client(transport=transport, trust_env=False))
    session = stack.enter_context(Session(settings, {}, DEFAULT))
    question = Question("GET", target, "acme/api", "it", _TYPE, DEFAULT.manifest_bytes)
    own = threading.local()

    def bare() -> bytes:
        if not hasattr(own, "connection"):
            made = http.client.HTTPSConnection(host, context=context) if settings else http.client.HTTPConnection(host)
            own.connection = made
            stack.callback(made.close)
        own.connection.request("GET", "/v2/acme/api/manifests/1", headers={"Accept": _TYPE})
        return bytes(own.connection.getresponse().read())

    def per_thread() -> bytes:
        if not hasattr(own, "client"):
            own.client = stack.enter_context(httpx.Client(verify=context, trust_env=False))
        return bytes(own.client.get(target).content)

    return {
        "bare http.client, one connection per thread": bare,
        "httpx over our transport": lambda: ours.get(target).content,
        "our session (pace, retries, auth, redirects)": lambda: session.ask(question).content,
        "httpx, one client per thread": per_thread,
        "httpx, one client": lambda: shared.get(target).content,
    }


def measure(ask: Ask, requests: int, threads: int) -> tuple[float, float]:
    """CPU and wall time per request, in milliseconds."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: ask(), range(threads * 2)))
        cpu, wall = time.process_time(), time.perf_counter()
        for content in pool.map(lambda _: ask(), range(requests)):
            assert content == _MANIFEST
        return (time.process_time() - cpu) / requests * 1000, (time.perf_counter() - wall) / requests * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    print(f"{options.requests} requests, {options.threads} threads, {'TLS' if options.tls else 'plain HTTP'}")
    with served(tls=options.tls) as (url, authority), contextlib.ExitStack() as stack:
        results = {n: measure(a, options.requests, options.threads) for n, a in ways(url, authority, stack).items()}
    base = results["httpx, one client"][0]
    for name, (cpu, wall) in results.items():
        print(f"{name:48} {cpu:6.3f} ms CPU  {wall:6.3f} ms wall  {cpu / base:5.2f} x httpx")


if __name__ == "__main__":
    main()
