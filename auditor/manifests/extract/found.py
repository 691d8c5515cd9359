"""A reference that was found in an object, and what it takes to say where."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from auditor.manifests.extract.said import Trail
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.text import without_scheme
from auditor.model.use import Confidence, Sort


class Found(Struct, frozen=True):
    """One reference in an object: its text, the scalar to edit, the path of the field, the container around it."""

    text: str
    scalar: Scalar
    path: str
    container: str | None
    confidence: Confidence
    sort: Sort = Sort.IMAGE
    why: str = ""
    """Why nobody can tell what gets deployed, where the text has a part that something else decides."""
    help: str = ""
    """What to do then, where that is not to name the image in the object."""
    deployed: bool = True
    """Whether something may deploy it; not what the table says to `ignore`, which is seen all the same."""


def written(trail: Trail) -> str:
    """`("spec", "containers", 0, "image")` → `spec.containers[0].image`."""
    text = ""
    for step in trail:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def oci_repository(spec: Mapping, trail: Trail, prefix: str) -> Iterator[Found]:
    """A Flux OCIRepository deploys the artifact or chart at its url, by tag or digest. `trail`: where its spec stands."""
    url, ref = spec.scalar("url"), spec.mapping("ref")
    if url is None:
        return
    edit = ref.scalar("digest") or ref.scalar("tag") or url
    text = without_scheme(url.text)
    if digest := ref.text("digest"):
        text += f"@{digest}"
    elif semver := ref.text("semver"):
        text += f":${{{semver}}}"
    elif tag := ref.text("tag"):
        text += f":{tag}"
    key = ("url",) if edit is url else ("ref", "digest") if digest else ("ref", "tag")
    yield Found(text, edit, prefix + written((*trail, *key)), None, Confidence.HIGH, Sort.ARTIFACT)
