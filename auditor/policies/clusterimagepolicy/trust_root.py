"""A TrustRoot document → PEM files of a trusted root, for the kind that is whole in the document itself.

`sigstoreKeys` holds PEM in base64 (`pkg/apis/policy/v1alpha1/trustroot_types.go`). `remote` and `repository` are TUF
repositories: the controller reads them with a client of its own and takes other targets than today's `trusted_root.json`, so
what it would trust is not known here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct, field

from auditor.manifests.objects import Object
from auditor.policies.cursor import Cursor, Mistake
from auditor.signatures.encoding import Malformed
from auditor.signatures.pem import root_from_pem
from auditor.signatures.root import parse_root

_PARTS: Final = (
    ("certificateAuthorities", "certChain", "fulcio"),
    ("tLogs", "publicKey", "rekor"),
    ("ctLogs", "publicKey", "ctlog"),
    ("timestampAuthorities", "certChain", "tsa"),
)


class TrustRoot(Struct, frozen=True):
    """One TrustRoot: PEM by part (`fulcio`, `rekor`, `ctlog`, `tsa`), or why nothing is known of it."""

    name: str
    parts: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    unknown: str | None = None
    mistakes: tuple[Mistake, ...] = ()


def read_trust_root(found: Object) -> TrustRoot:
    """Read one document."""
    spec = Cursor.at(found)["spec"]
    keys = spec["sigstoreKeys"]
    given = [name for name in ("remote", "repository", "sigstoreKeys") if spec[name]]
    if len(given) != 1:
        words = ", ".join(given) or "none"
        wrong = spec.mistake(f"a trust root is one of remote, repository, sigstoreKeys, and here are {words}")
        return TrustRoot(found.name, unknown="it is invalid", mistakes=(wrong,))
    if not keys:
        return TrustRoot(found.name, unknown=f"it is a TUF repository ({given[0]}), which only the controller reads")
    try:
        parts = dict(_pem(keys))
        parse_root(root_from_pem(parts), found.name, part=True)
    except Malformed as problem:
        return TrustRoot(found.name, unknown=f"it is invalid: {problem}", mistakes=(keys.mistake(str(problem)),))
    return TrustRoot(found.name, MappingProxyType(parts))


def _pem(keys: Cursor) -> dict[str, bytes]:
    """The PEM files that say the same. Raises Malformed."""
    files: dict[str, bytes] = {}
    for name, part, file in _PARTS:
        items = list(keys[name])
        if items:
            files[file] = b"\n".join(_decoded(item[part]) for item in items)
    if "fulcio" not in files:
        raise Malformed("sigstoreKeys names no certificate authority")
    return files


def _decoded(item: Cursor) -> bytes:
    try:
        return base64.b64decode("".join(item.text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{item.path} is not base64") from None
