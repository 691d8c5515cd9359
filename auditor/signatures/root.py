"""A trusted root, parsed once: keys of the logs, certificates of the authorities, each with the time it may be trusted for.

Source: `sigstore_trustroot.proto` of sigstore/protobuf-specs, as JSON. Fields that protobuf JSON leaves out (no `baseUrl`, no
`subject`, no logs at all) are legal and read as empty: private deployments and GitHub's root write such files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.x509 import Certificate, load_der_x509_certificate
from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.signatures.encoding import (
    Json,
    Malformed,
    Object,
    decode_base64,
    list_of,
    object_of,
    optional_object,
    parse_object,
    text_of,
)
from auditor.signatures.keys import PublicKey, UnsupportedKind, key_id, load_key

MEDIA_TYPES: Final = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)
_HINT_BYTES: Final = 4
_MOMENT: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)",
    re.ASCII,
)


class Window(Struct, frozen=True):
    """A closed interval of time; an end that is None is open."""

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, moment: datetime) -> bool:
        """Whether `moment` lies inside, ends included."""
        return (self.start is None or self.start <= moment) and (self.end is None or moment <= self.end)

    def both(self, other: Window) -> Window:
        """The time in both; where there is none, a window that holds nothing."""
        starts = [start for start in (self.start, other.start) if start is not None]
        ends = [end for end in (self.end, other.end) if end is not None]
        return Window(max(starts, default=None), min(ends, default=None))


class LogKey(Struct, frozen=True):
    """The key of a transparency log or a CT log: `id` is how entries, or SCTs, name the log.

    `hashed`: the id is the hash of the key (RFC 6962), as Rekor v1's and CT logs' are. Rekor v2's is the hash of a name as well.
    `hint`: the four bytes by which the signatures of checkpoints name the key (C2SP `signed-note`): the root's
    `checkpointKeyId` where it has one, else the id's first.
    """

    id: bytes
    key: PublicKey
    window: Window
    hashed: bool
    hint: bytes


class Authority(Struct, frozen=True):
    """A certificate authority or a time stamping authority: its chain from the issuing certificate to the root."""

    certificates: tuple[Certificate, ...]
    window: Window


@dataclass(frozen=True, eq=False)
class Root:
    """One trusted root under its name. Nothing of another root is ever mixed in.

    `document` is the same root as JSON with every optional field present, for readers that insist on them.
    """

    name: str
    logs: Mapping[bytes, LogKey] = field(repr=False)
    ct_logs: Mapping[bytes, LogKey] = field(repr=False)
    authorities: tuple[Authority, ...] = field(repr=False)
    stampers: tuple[Authority, ...] = field(repr=False)
    document: str = field(repr=False)


def parse_root(content: bytes | str, name: str, limits: Limits = DEFAULT, *, part: bool = False) -> Root:
    """Read a trusted_root.json. Raises Malformed and says what is wrong with it.

    `part`: it need not suffice to judge anything, because it completes, or is completed by, another root.
    """
    document = parse_object(content, "trusted root")
    if document.get("mediaType") not in MEDIA_TYPES:
        raise Malformed("the file is no trusted root: its mediaType is another")
    longest = limits.trusted_parts
    root = Root(
        name,
        logs=_logs(document.get("tlogs"), "tlogs", longest),
        ct_logs=_logs(document.get("ctlogs"), "ctlogs", longest),
        authorities=_authorities(document.get("certificateAuthorities"), "certificateAuthorities", limits),
        stampers=_authorities(document.get("timestampAuthorities"), "timestampAuthorities", limits),
        document=json.dumps(_complete(document)),
    )
    if part:
        return root
    if not root.authorities and not root.logs:
        raise Malformed("the trusted root names neither a certificate authority nor a transparency log")
    if not root.logs and not root.stampers:
        raise Malformed("the trusted root names neither a transparency log nor a time stamping authority")
    return root


def _logs(value: Json, what: str, longest: int) -> dict[bytes, LogKey]:
    """The logs whose keys are of a kind that is read: nothing that another one signs is believed, nor is it needed.

    Where there is no other, the root is refused: one that names no log at all asks for no entry, or no SCT.
    """
    logs: dict[bytes, LogKey] = {}
    unread = None
    for number, item in enumerate(list_of(value, what, longest)):
        where = f"{what}[{number}]"
        log = object_of(item, where)
        try:
            key = _log_key(log, where)
        except UnsupportedKind as error:
            unread = error
            continue
        hashed = key_id(key)
        identifier = _id(log, "logId", where) or hashed
        if identifier in logs:
            raise Malformed(f"{where} has the logId of another log")
        hint = (_id(log, "checkpointKeyId", where) or identifier)[:_HINT_BYTES]
        if len(hint) < _HINT_BYTES:
            raise Malformed(f"{where} has an id of less than {_HINT_BYTES} bytes")
        window = _window(object_of(log.get("publicKey"), f"{where}.publicKey").get("validFor"), where)
        logs[identifier] = LogKey(identifier, key, window, identifier == hashed, hint)
    if unread is not None and not logs:
        raise unread
    return logs


def _log_key(log: Object, where: str) -> PublicKey:
    public = object_of(log.get("publicKey"), f"{where}.publicKey")
    return load_key(decode_base64(public.get("rawBytes"), f"{where}.publicKey.rawBytes"), f"{where}.publicKey")


def _is_read(log: Object) -> bool:
    try:
        _log_key(log, "a log")
    except UnsupportedKind:
        return False
    return True


def _id(log: Object, name: str, where: str) -> bytes | None:
    stated = optional_object(log.get(name), f"{where}.{name}").get("keyId")
    return decode_base64(stated, f"{where}.{name}.keyId") if stated else None


def _authorities(value: Json, what: str, limits: Limits) -> tuple[Authority, ...]:
    return tuple(
        _authority(object_of(item, f"{what}[{number}]"), f"{what}[{number}]", limits)
        for number, item in enumerate(list_of(value, what, limits.trusted_parts))
    )


def _authority(authority: Object, where: str, limits: Limits) -> Authority:
    chain = object_of(authority.get("certChain"), f"{where}.certChain")
    certificates = []
    for item in list_of(chain.get("certificates"), f"{where}.certChain.certificates", limits.chain_certificates):
        der = decode_base64(object_of(item, f"{where}.certChain").get("rawBytes"), f"{where}.certChain rawBytes")
        certificates.append(load_certificate(der, where))
    if not certificates:
        raise Malformed(f"{where} has no certificate")
    return Authority(tuple(certificates), _window(authority.get("validFor"), where))


def load_certificate(der: bytes, what: str) -> Certificate:
    """Read one certificate in DER. Raises Malformed."""
    try:
        return load_der_x509_certificate(der)
    except Exception:  # noqa: BLE001 - the parser raises several kinds; all of them mean "not a certificate"
        raise Malformed(f"{what} is not an X.509 certificate") from None


def _window(value: Json, where: str) -> Window:
    """Without `validFor` a key is trusted for all times; one that is there must say since when (`TimeRange.start`)."""
    if value is None:
        return Window()
    valid = object_of(value, f"{where}.validFor")
    start, end = valid.get("start"), valid.get("end")
    if not start:
        raise Malformed(f"{where}.validFor has no start")
    return Window(
        moment(start, f"{where}.validFor.start"),
        moment(end, f"{where}.validFor.end") if end else None,
    )


def moment(value: Json, what: str) -> datetime:
    """An RFC 3339 time with its zone; fractions finer than microseconds are cut off."""
    match = _MOMENT.fullmatch(text_of(value, what))
    if match is None:
        raise Malformed(f"{what} is not a time in RFC 3339")
    try:
        time = datetime.fromisoformat(match[1] + ("+00:00" if match[3] == "Z" else match[3]))
    except ValueError:
        raise Malformed(f"{what} is not a time in RFC 3339") from None
    return (time + timedelta(microseconds=int((match[2] or "0").ljust(6, "0")[:6]))).astimezone(UTC)


def _complete(document: Object) -> Object:
    """The same root with the fields that protobuf JSON may leave out, and without logs whose keys nobody here reads."""
    complete = dict(document)
    complete["mediaType"] = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
    for name in ("tlogs", "ctlogs"):
        complete[name] = [
            {"baseUrl": "", "hashAlgorithm": "SHA2_256", **object_of(log, name)}
            for log in _items(document, name)
            if _is_read(object_of(log, name))
        ]
        for log in _items(complete, name):
            key = object_of(object_of(log, name).get("publicKey"), name)
            object_of(log, name).setdefault("logId", {"keyId": key.get("rawBytes")})
    for name in ("certificateAuthorities", "timestampAuthorities"):
        complete[name] = [_complete_authority(object_of(authority, name)) for authority in _items(document, name)]
    return complete


def _items(document: Object, name: str) -> list[Json]:
    items = document.get(name) or []
    assert isinstance(items, list)
    return items


def _complete_authority(authority: Object) -> Object:
    subject = optional_object(authority.get("subject"), "subject")
    return {
        "uri": "",
        "validFor": {"start": "1970-01-01T00:00:00Z"},
        **authority,
        "subject": {"organization": "", "commonName": "", **subject},
    }
