"""A registry full of signed images, in a process of its own, so that serving costs the client under test nothing."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Final

from fixtures.registry import OciRegistry
from fixtures.sigstore import REKOR_V2, Sigstore, bundle, github, sig_layer
from fixtures.sigstore.push import push_signatures

SIGNED_AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
FORMS: Final = ("legacy", "bundle", "unsigned")


@dataclass(frozen=True, slots=True)
class Images:
    """What a registry serves: its host, references with tags (`by_tag`) and with digests, and the root that signs."""

    host: str
    by_tag: tuple[str, ...]
    pinned: tuple[str, ...]
    trusted_root: str
    ca_pem: str


@dataclass(frozen=True, slots=True)
class Served:
    """A registry that is running. `requests` counts the requests since the last call."""

    images: Images
    _pipe: Connection

    def requests(self) -> int:
        """How many requests were answered since the last call."""
        self._pipe.send("count")
        return int(self._pipe.recv())


@contextlib.contextmanager
def serve(form: str, count: int, *, latency: float = 0.0, tls: bool = False) -> Iterator[Served]:
    """Serve `count` distinct images, each signed in this form, with `latency` seconds before each answer."""
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
    with OciRegistry(tls=tls) as registry:
        pipe.send(_fill(registry, form, count, tls=tls))
        registry.latency = latency
        while pipe.recv() == "count":
            pipe.send(len(registry.requests))
            registry.requests.clear()


def _fill(registry: OciRegistry, form: str, count: int, *, tls: bool) -> Images:
    stack = Sigstore("benchmark")
    digests = [_image(registry, stack, form, f"acme/app-{number:04}") for number in range(count)]
    names = [f"{registry.host}/acme/app-{number:04}" for number in range(count)]
    return Images(
        registry.host,
        tuple(f"{name}:1.0" for name in names),
        tuple(f"{name}@{digest}" for name, digest in zip(names, digests, strict=True)),
        json.dumps(stack.trusted_root()),
        registry.ca_pem.decode() if tls else "",
    )


def _image(registry: OciRegistry, stack: Sigstore, form: str, name: str) -> str:
    digest = registry.put_image(name, "1.0")
    if form == "legacy":
        push_signatures(registry, name, digest, sig_layer(stack.sign(digest, github("acme/app"), SIGNED_AT)))
    elif form == "bundle":
        push_signatures(registry, name, digest, bundle(stack.attest(digest, github("acme/app"), SIGNED_AT, REKOR_V2)))
    return digest


def pods(references: Sequence[str]) -> str:
    """Manifests that deploy these images."""
    return "".join(
        f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}}}\nspec:\n  containers:\n"
        f"  - {{name: app, image: '{reference}'}}\n"
        for number, reference in enumerate(references)
    )
