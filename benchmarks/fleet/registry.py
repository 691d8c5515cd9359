"""The registries of a fleet, in a process of their own: one store, an address for each host, as far away as is asked for.

Each host is reached through a relay of its own, so that a client's pace per host is what it would be. A share of the answers can
be 429 with `Retry-After`. Everything that is sent is counted; what a client must ask at least is told from the store itself.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import re
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final

from msgspec import Struct

from benchmarks.fleet.catalogue import HOSTS, Form, Image
from benchmarks.fleet.necessary import Chain, necessary
from benchmarks.world import SIGNED_AT, distant
from fixtures.registry import Busy, OciRegistry, Status
from fixtures.sigstore import CYCLONEDX, REKOR_V1, REKOR_V2, Sigstore, Stored, att_layer, bundle, github, sig_layer
from fixtures.sigstore.keys import Algorithm, derive
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.statements import simple_signing

SIGNER: Final = "acme/app"
_ELSEWHERE: Final = "staging.acme.example"


class Distance(Struct, frozen=True):
    """How far away the registries are, and how patient.

    `latency`: seconds of each round trip. `limited`: the share of answers that are 429, at random, with `retry_after` seconds.
    `per_second`: above so many requests a second each host answers 429, a second's worth at once excepted; 0 for no such limit.
    """

    latency: float = 0.0
    limited: float = 0.0
    retry_after: int = 1
    per_second: float = 0.0


class Traffic(Struct, frozen=True):
    """What was answered: requests in all, those with 429, bytes of bodies, and requests by `METHOD what`."""

    requests: int
    limited: int
    size: int
    kinds: Mapping[str, int]


class Served:
    """Registries that are running. `addresses` tells where each host is reached, by its name."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.addresses: Mapping[str, str] = pipe.recv()
        self.trusted_root: str = pipe.recv()

    def put(self, images: Sequence[Image]) -> Mapping[tuple[str, str, str], str]:
        """Push and sign images; the digest of each by its key. A tag that is there already moves."""
        return self._ask("put", list(images))  # type: ignore[no-any-return]

    def strip(self, images: Sequence[Image]) -> None:
        """Take away every signature that is beside these images."""
        self._ask("strip", list(images))

    def traffic(self) -> Traffic:
        """What was answered since the last call."""
        return self._ask("traffic")  # type: ignore[no-any-return]

    def necessary(self, images: Sequence[Image], known: frozenset[str] = frozenset()) -> list[Chain]:
        """What must be asked for these images; blobs and manifests whose digests are `known` need not be fetched again."""
        return self._ask("necessary", list(images), known)  # type: ignore[no-any-return]

    def limit(self, distance: Distance) -> None:
        """Refuse a share of what is asked from now on."""
        self._ask("limit", distance)

    def _ask(self, *question: Any) -> Any:
        self._pipe.send(question)
        return self._pipe.recv()


@contextlib.contextmanager
def serve(latency: float) -> Iterator[Served]:
    """Serve, at first nothing, this many seconds away."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, latency), daemon=False)
    process.start()
    try:
        yield Served(here)
    finally:
        here.send(("stop",))
        process.join(timeout=30)


def _serve(pipe: Connection, latency: float) -> None:
    with contextlib.ExitStack() as stack:
        registry = stack.enter_context(OciRegistry())
        pipe.send({host: stack.enter_context(distant(registry.host, latency)) for host in HOSTS})
        fill = _Fill(registry)
        pipe.send(json.dumps(fill.trusted_root()))
        while True:
            verb, *rest = pipe.recv()
            if verb == "stop":
                return
            pipe.send(getattr(fill, verb)(*rest))


class _Fill:
    """What the process that serves does when asked."""

    def __init__(self, registry: OciRegistry) -> None:
        self._registry = registry
        self._stack = Sigstore("fleet")
        self._key = derive("fleet", "long-lived", Algorithm.P256)

    def trusted_root(self) -> dict[str, Any]:
        return self._stack.trusted_root()

    def put(self, images: Sequence[Image]) -> dict[tuple[str, str, str], str]:
        return {image.key: self._put(image) for image in images}

    def strip(self, images: Sequence[Image]) -> None:
        for image in images:
            repository = self._registry.store.open(repository_of(image))
            digest = repository.tags[image.served_tag]
            for suffix in (".sig", ".att"):
                repository.tags.pop(digest.replace(":", "-") + suffix, None)
            repository.referrers.pop(digest, None)

    def limit(self, distance: Distance) -> None:
        self._registry.faults.off()
        if distance.limited:
            refused = Status(429, {"Retry-After": str(distance.retry_after)}, code="TOOMANYREQUESTS")
            self._registry.faults.on("^/v2/", refused, share=distance.limited)
        if distance.per_second:
            for host in HOSTS:
                busy = Busy(distance.per_second, max(1, round(distance.per_second)))
                self._registry.faults.on(f"^/v2/{re.escape(host)}/", busy)

    def traffic(self) -> Traffic:
        seen = list(self._registry.requests)
        self._registry.forget()
        kinds: dict[str, int] = {}
        for each in seen:
            kind = f"{each.method} {_kind(each.path)}"
            kinds[kind] = kinds.get(kind, 0) + 1
        return Traffic(len(seen), sum(e.status == 429 for e in seen), sum(e.size for e in seen), kinds)

    def necessary(self, images: Sequence[Image], known: frozenset[str]) -> list[Chain]:
        store = self._registry.store
        return [necessary(store.open(repository_of(image)), image, repository_of(image), known) for image in images]

    def _put(self, image: Image) -> str:
        name = repository_of(image)
        seed = f"{name}:{image.served_tag} {image.version}"
        digest = self._registry.put_image(name, image.served_tag, seed=seed)
        stored = self._signature(image, digest)
        if stored is not None:
            push_signatures(self._registry, name, digest, stored)
        return digest

    def _signature(self, image: Image, digest: str) -> Stored | None:
        stack, who, spoken = self._stack, github(SIGNER), f"{_spoken(image.host)}/{image.path}"
        match image.form:
            case Form.LEGACY:
                return sig_layer(stack.sign(digest, who, SIGNED_AT, reference=spoken))
            case Form.FETCHED:
                return sig_layer(stack.sign(digest, who, SIGNED_AT, reference=f"{_ELSEWHERE}/{image.path}"))
            case Form.KEY:
                return sig_layer(stack.seal_with_key(self._key, simple_signing(digest, spoken), at=SIGNED_AT))
            case Form.ATTESTED:
                return att_layer(stack.attest(digest, who, SIGNED_AT, predicate_type=CYCLONEDX, predicate={}))
            case Form.BUNDLE | Form.BUNDLE_V2:
                ceremony = REKOR_V1 if image.form is Form.BUNDLE else REKOR_V2
                return bundle(stack.attest(digest, who, SIGNED_AT, ceremony))
            case Form.UNSIGNED:
                return None


def repository_of(image: Image) -> str:
    """Its repository in the one store."""
    return f"{image.host}/{image.path}"


def _spoken(host: str) -> str:
    """The host as cosign writes it into a payload."""
    return "index.docker.io" if host == "docker.io" else host


def _kind(path: str) -> str:
    for kind in ("referrers", "blobs"):
        if f"/{kind}/" in path:
            return kind
    wanted = path.rpartition("/")[2]
    if wanted.endswith((".sig", ".att")):
        return wanted[-4:]
    return "manifest by digest" if wanted.startswith("sha256") else "tag"
