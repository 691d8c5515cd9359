"""A registry full of signed images, in a process of its own, so that serving costs the client under test nothing."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final

from msgspec import Struct

from fixtures.registry import OciRegistry
from fixtures.sigstore import REKOR_V1, REKOR_V2, Sigstore, bundle, github, sig_layer
from fixtures.sigstore.push import push_signatures

SIGNED_AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMS: Final = ("legacy", "bundle", "unsigned")
"""`legacy` as cosign 2 writes it, its payload rebuildable; `bundle` of Rekor v1 (SET, proof, checkpoint). Also made:
`legacy-fetched`, whose payload has to be fetched, and `bundle-v2` of Rekor v2 with a time stamp."""


class Images(Struct, frozen=True):
    """What a registry serves: its host, references with tags (`by_tag`) and with digests, the root that signs, its CA."""

    host: str
    by_tag: tuple[str, ...]
    pinned: tuple[str, ...]
    trusted_root: str
    ca_pem: str


class Served(Struct, frozen=True):
    """A registry that is running. `requests` counts the requests since the last call."""

    images: Images
    _pipe: Connection

    def requests(self) -> int:
        """How many requests were answered since the last call."""
        self._pipe.send("count")
        return int(self._pipe.recv())


@contextlib.contextmanager
def serve(form: str, count: int, *, latency: float = 0.0, tls: bool = False) -> Iterator[Served]:
    """Serve `count` distinct images, each signed in this form, `latency` seconds away."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, form, count, latency, tls), daemon=True)
    process.start()
    try:
        yield Served(here.recv(), here)
    finally:
        here.send("stop")
        process.join(timeout=30)


def _serve(pipe: Connection, form: str, count: int, latency: float, tls: bool) -> None:
    with OciRegistry(tls=tls) as registry, distant(registry.host, latency) as host:
        pipe.send(_fill(registry, host, form, count, tls=tls))
        while pipe.recv() == "count":
            pipe.send(len(registry.requests))
            registry.requests.clear()


@contextlib.contextmanager
def distant(host: str, latency: float) -> Iterator[str]:
    """The host by which a registry on loopback is reached from far away."""
    if not latency:
        yield host
        return
    command = [sys.executable, "-m", "benchmarks.delay", host.rpartition(":")[2], str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        try:
            yield f"127.0.0.1:{int(relay.stdout.readline())}"
        finally:
            relay.stdin.close()


def _fill(registry: OciRegistry, host: str, form: str, count: int, *, tls: bool) -> Images:
    stack = Sigstore("benchmark")
    names = [f"acme/app-{number:04}" for number in range(count)]
    digests = [_image(registry, stack, form, host, name) for name in names]
    return Images(
        host,
        tuple(f"{host}/{name}:1.0" for name in names),
        tuple(f"{host}/{name}@{digest}" for name, digest in zip(names, digests, strict=True)),
        json.dumps(stack.trusted_root()),
        registry.ca_pem.decode() if tls else "",
    )


def _image(registry: OciRegistry, stack: Sigstore, form: str, host: str, name: str) -> str:
    digest, who = registry.put_image(name, "1.0"), github("acme/app")
    if form.startswith("legacy"):
        called = f"{host}/{name}" if form == "legacy" else "registry.acme.example/acme/app"
        push_signatures(registry, name, digest, sig_layer(stack.sign(digest, who, SIGNED_AT, reference=called)))
    elif form.startswith("bundle"):
        ceremony = REKOR_V2 if form == "bundle-v2" else REKOR_V1
        push_signatures(registry, name, digest, bundle(stack.attest(digest, who, SIGNED_AT, ceremony)))
    return digest


def pods(references: Sequence[str]) -> str:
    """Manifests that deploy these images."""
    return "".join(
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\nspec:\n  containers:\n"
        f"  - {{name: app, image: '{reference}'}}\n"
        for number, reference in enumerate(references)
    )
