"""Which of the bundles beside an image the engines read at all.

Kyverno's ClusterPolicy reads the first layer of each referrer that the registry lists as a bundle. What goes through cosign's
library (ImageValidatingPolicy, Flux, policy-controller) takes a referrer of exactly one layer, that is a bundle by its own media type,
of version 0.3 or later; every other is passed over in silence (cosign 2.5 and 3.1, `ociremote.Bundle`, `GetBundles`). One of these
that holds no DSSE envelope speaks for nothing (`VerifyImageAttestations`), and still keeps the classic signatures from being read:
it is a fault of the listing. What an engine passes over must not speak for an image here.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from msgspec.structs import replace

from auditor.model.evidence import Fault, FaultKind, Form, Unreadable
from auditor.registry.material import BundleBytes, Listing

_PREFIX: Final = "application/vnd.dev.sigstore.bundle"
_VERSION: Final = re.compile(r"(?:\.v|;version=)([0-9]{1,3})\.([0-9]{1,3})")
_OLDEST: Final = (0, 3)
_MUTE: Final = Unreadable(
    Form.BUNDLE, Fault(FaultKind.MALFORMED, "a bundle holds no DSSE envelope, and bundles alone are read then")
)


def read_by_cosign(listing: Listing) -> Listing:
    """The listing as programs see it that read bundles by cosign's library."""
    taken = tuple(each for each in listing.materials if not isinstance(each, BundleBytes) or _is_taken(each))
    speaking = tuple(each for each in taken if not isinstance(each, BundleBytes) or _speaks(each))
    if len(speaking) == len(listing.materials):
        return listing
    faults = listing.faults if len(speaking) == len(taken) else (*listing.faults, _MUTE)
    return replace(listing, materials=speaking, faults=faults)


def is_read_by_kyverno(bundle: BundleBytes) -> bool:
    """Whether a ClusterPolicy takes it for one: the list of referrers calls it so, and it stands first in its manifest."""
    listed = bundle.artifact_type is None or bundle.artifact_type.startswith(_PREFIX)
    return listed and bundle.position == 0


def _is_taken(bundle: BundleBytes) -> bool:
    if bundle.layers != 1 or not (bundle.media_type or _PREFIX).startswith(_PREFIX):
        return False
    document = _document(bundle.content)
    if document is None:
        return True  # what does not parse is refused where it is examined
    version = _VERSION.search(str(_either(document, "mediaType", "media_type")))
    return version is not None and (int(version[1]), int(version[2])) >= _OLDEST


def _speaks(bundle: BundleBytes) -> bool:
    """Whether it holds an envelope, or may: one that cannot be read is refused where it is examined."""
    document = _document(bundle.content)
    return document is None or _either(document, "dsseEnvelope", "dsse_envelope") is not None


def _document(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _either(document: dict[str, Any], name: str, other: str) -> Any:
    """A member by either of the names that Go's parser takes (protobuf's JSON mapping)."""
    return document.get(name, document.get(other))
