"""The requests that any client has to make for one image, told from what a registry holds (`docs/decisions/0009`)."""

from __future__ import annotations

from benchmarks.fleet.catalogue import Form, Image
from fixtures.registry.store import Repository

Question = tuple[str, str]
"""Method and path."""
Chain = tuple[str, tuple[Question, ...]]
"""A host, and what it is asked in this order."""


def necessary(held: Repository, image: Image, name: str, known: frozenset[str]) -> Chain:
    """For a tag a HEAD, also beside a digest; the listings; what they name and is not `known` yet (digests); where nothing is beside it, whether it is there."""
    base = f"/v2/{name}"
    digest = image.digest if image.pinned else held.tags[image.served_tag]
    beside = digest.replace(":", "-")
    tagged = not image.pinned or bool(image.tag)
    asked: list[Question] = [("HEAD", f"{base}/manifests/{image.served_tag}")] if tagged else []
    asked += [("GET", f"{base}/referrers/{digest}"), ("GET", f"{base}/manifests/{beside}.sig")]
    for referrer in held.referrers.get(digest, ()):
        if referrer not in known:
            asked.append(("GET", f"{base}/manifests/{referrer}"))
            asked += _layers(held, referrer, base, known)
    signed = held.tags.get(f"{beside}.sig")
    if signed and image.form is Form.FETCHED:
        asked += _layers(held, signed, base, known)
    if not signed and not held.referrers.get(digest):
        asked.append(("GET", f"{base}/manifests/{beside}.att"))
        if attested := held.tags.get(f"{beside}.att"):
            asked += _layers(held, attested, base, known)
        elif not tagged:
            asked.append(("HEAD", f"{base}/manifests/{digest}"))
    return image.host, tuple(asked)


def _layers(held: Repository, manifest: str, base: str, known: frozenset[str]) -> list[Question]:
    layers = held.manifests[manifest].document["layers"]
    return [("GET", f"{base}/blobs/{layer['digest']}") for layer in layers if layer["digest"] not in known]


def fetched(chains: list[Chain]) -> frozenset[str]:
    """The digests whose bytes these questions bring."""
    paths = (path for _, chain in chains for method, path in chain if method == "GET" and "/referrers/" not in path)
    return frozenset(wanted for path in paths if (wanted := path.rpartition("/")[2]).startswith("sha256:"))
