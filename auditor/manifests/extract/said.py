"""What a key, the place where it stands, and the text under it say: an image reference, or something about images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from auditor.manifests.extract.lines import NO_NAMES, references
from auditor.manifests.extract.split import is_bare, is_complete
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.text import PROSE, arguments, is_no_text, is_reference, is_template, without_scheme
from auditor.model.use import Confidence

Trail: TypeAlias = tuple[str | int, ...]
"""Where something stands in an object: keys, and positions in lists."""
_CONTAINER_IMAGE: Final = re.compile(r"/(?:containers|initContainers|ephemeralContainers)/[^/]+/image\Z", re.ASCII)
NOT_IMAGES: Final = (
    "policy",
    "registry",
    "registries",
    "secret",
    "secrets",
    "size",
    "format",
    "type",
    "id",
    "digest",
    "path",
    "url",
    "repository",
    "repositories",
    "stream",
    "streamtag",
)
"""How keys end that speak of images and hold none."""


def classify(name: str, text: str, *, certain: bool) -> Iterator[tuple[str, Confidence]]:
    """The references in a text under a key, and how sure that is."""
    bare = without_scheme(text)
    if certain and name in ("image", "reference"):
        yield text, Confidence.HIGH
    elif name == "image":
        if is_reference(bare) or is_template(bare):
            yield bare, Confidence.MEDIUM
    elif "image" in name.lower() and says_image(name, text):
        yield text, Confidence.MEDIUM
    elif "image" in name.lower() and len(several := references(text)) > 1:
        yield from ((one, Confidence.LOW) for one in several)
    elif name.lower() not in PROSE:
        yield from ((one, Confidence.LOW) for one in arguments(text))


def is_volume(trail: Trail, key: str) -> bool:
    """`volumes[].image.reference`, an image mounted as a volume."""
    return key == "image" and len(trail) >= 4 and trail[-4] == "volumes" and trail[-1] == "reference"


def is_patched(node: Mapping) -> bool:
    """Whether a map is an operation of a JSON patch (RFC 6902) that writes the image of a container."""
    return node.text("op") in ("add", "replace") and _CONTAINER_IMAGE.search(node.text("path")) is not None


def is_listed(trail: Trail, text: str) -> bool:
    """Whether a whole reference stands in a map or list `images`, two levels deep at most: `images.vtgate: vitess/lite:v15`.

    So does one in a map under a key that says image (`image.application: acme/server:7`). What an Application has kustomize
    replace is deployed where something has the name, by the overlay that it makes.
    """
    said = trail[-1] if isinstance(trail[-1], str) else ""
    above = trail[-2] if len(trail) > 1 else ""
    in_image = isinstance(above, str) and above.lower().endswith("image")
    if (
        not ("images" in trail[-3:-1] or in_image)
        or "kustomize" in trail
        or said.lower().endswith(NOT_IMAGES)
        or not ("/" in text or (above == "images" and not said))
        or "://" in text
    ):
        return False
    return is_complete(text) and is_reference(text)


def is_image_name(said: str) -> bool:
    """Whether a variable or parameter is called after an image: `WORKER_IMAGE`, `image-tag`, `POSTGRES_IMG`."""
    return "image" in said.lower() or said.endswith(("_IMG", "_img"))


def is_bare_image(said: str, value: Scalar) -> bool:
    """Whether a variable that is called an image holds a name without folder and tag (`HELPER_IMAGE=busybox`)."""
    text = value.text.strip()
    return said.lower().endswith(("image", "_img")) and is_bare(text) and text not in NO_NAMES and not is_no_text(text)


def says_image(name: str, text: str) -> bool:
    """Whether a key such as `busyBoxImage` or `baseImage` holds a reference and not something about images."""
    if name.lower().endswith(NOT_IMAGES) or "://" in text:
        return False
    if is_template(text):
        return name.lower().endswith(("image", "imagename"))
    return ("/" in text or ":" in text or "@" in text) and is_reference(text)
