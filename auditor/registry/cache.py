"""Bytes that outlive a run, in a folder of the user's own.

What is asked for by digest is kept for good and hashed again whenever it is read: it cannot be wrong, only missing. What a tag
names, and which signatures are listed, moves: such answers are used only while they are younger than the time that the user
has granted them (none by default). Older ones serve for asking whether they still hold: a host that gave a validator with them
(`ETag`) need not send the bytes again (RFC 9110 §13.1.2), and it alone decides. No verdict is kept, and nothing that depends on a
rule or a trust root.

An entry is filed under its URL, so answers of one repository serve no other, and answers that can move also under the TLS
settings they came by. The folder itself is `store.py`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from msgspec.structs import replace

from auditor.config.rules import RegistrySettings
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin
from auditor.registry.http import Answer, Keep, Question
from auditor.registry.store import Cache, CacheSettings, WriteBehind

_HEADERS: Final = ("content-type", "docker-content-digest", "etag", "link", "oci-filters-applied")
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,256}"')
"""RFC 9110 §8.8.3, printable ASCII only: it is sent back as it came."""
_FOUND: Final = 200
_NOT_MODIFIED: Final = 304
_MISSING: Final = 404
_LEAVE: Final = {Keep.TAG: "--tag-ttl", Keep.LISTING: "--listing-ttl", Keep.NOT: "no circumstances"}
"""What allows answers that can move to be old."""
_KEPT_STATUS: Final = frozenset({200, 404})


class Asker(Protocol):
    """Whatever answers questions: a session, or a cache before one."""

    def ask(self, question: Question) -> Answer:
        """The answer. Raises Failed."""
        ...


class Nobody:
    """What a run without network and without a cache asks."""

    def ask(self, question: Question) -> Answer:
        """A fault."""
        raise Failed(FaultKind.OFFLINE, f"{question.what}: this run is offline, and there is no cache")


class CachedAsker:
    """A cache before a session; without a session (offline) what is not in the cache is a fault."""

    def __init__(
        self,
        session: Asker | None,
        settings: CacheSettings,
        registries: Mapping[str, RegistrySettings],
        limits: Limits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._cache = Cache(settings.folder)
        self._entries = WriteBehind(self._cache)
        self._ages = {
            Keep.NOT: 0.0,
            Keep.CONTENT: float("inf"),
            Keep.TAG: settings.tag_seconds,
            Keep.LISTING: settings.listing_seconds,
        }
        self._refresh = settings.refresh
        self._registries = registries
        self._limits = limits
        self._clock = clock
        self._wrote = False

    def ask(self, question: Question) -> Answer:
        """The answer, from the cache where it may be used. Raises Failed."""
        age = self._ages[question.keep]
        key = self._key(question)
        may_hold = question.keep is Keep.LISTING and question.method == "GET"
        found = self._read(key, question) if (age > 0 or may_hold) and not self._refresh else None
        if found is not None and self._is_young(found[1], question, age):
            return found[0]
        if self._session is None:
            why = (
                "the cache does not have it" if age > 0 else f"the cache is believed only under {_LEAVE[question.keep]}"
            )
            raise Failed(FaultKind.OFFLINE, f"{question.what}: this run is offline, and {why}")
        known = found[0] if found is not None and may_hold else None
        etag = _etag(known) if known is not None else None
        answer = _asked(self._session, question if etag is None else replace(question, etag=etag))
        if answer.status == _NOT_MODIFIED and etag is not None and known is not None:
            answer = known
            if age <= 0:
                return answer  # it is kept already, and how old it is says nothing
        if (age > 0 or (may_hold and _etag(answer) is not None)) and _is_worth_keeping(answer, question):
            self._entries.write(key, _encode(answer, self._clock()))
            self._wrote = True
        return answer

    def close(self) -> None:
        """Write what waits, and keep the folder within its bounds."""
        self._entries.close()
        if self._wrote:
            self._cache.trim(self._limits.cache_bytes)

    def _key(self, question: Question) -> str:
        """The URL; for answers that can move also the TLS settings: another authority may vouch for another host."""
        own = None if question.keep is Keep.CONTENT else self._registries.get(Origin.of(question.url).authority)
        tls = (own.ca_pem, own.client_certificate, own.plain_http) if own else None
        return f"{question.method} {question.url} {tls}"

    def _read(self, key: str, question: Question) -> tuple[Answer, float] | None:
        """An answer that is kept, and when it was given."""
        stored = self._entries.read(key)
        read = None if stored is None else _decode(stored, question.url)
        return read if read is not None and _is_worth_keeping(read[0], question) else None

    def _is_young(self, at: float, question: Question, age: float) -> bool:
        return question.keep is Keep.CONTENT or (age > 0 and 0 <= self._clock() - at <= age)


def _asked(session: Asker, question: Question) -> Answer:
    """The host's answer. What hardly ever is there, and was not kept, is looked for first: "no" has no body then."""
    if question.rare and question.etag is None:
        looked = session.ask(replace(question, method="HEAD", rare=False))
        if looked.status == _MISSING:
            return looked
    return session.ask(question)


def _etag(answer: Answer) -> str | None:
    """The validator of an answer with content; None where the host gave none."""
    etag = str(answer.headers.get("etag", ""))
    return etag if answer.status == _FOUND and _ETAG.fullmatch(etag) else None


def _is_worth_keeping(answer: Answer, question: Question) -> bool:
    """Content must be there and have its digest; of what moves, also "there is none" is an answer."""
    if question.keep is not Keep.CONTENT:
        return answer.status in _KEPT_STATUS
    wanted = question.url.rpartition("/")[2]
    return answer.status == 200 and question.method == "GET" and wanted == str(Digest.of(answer.content))


def _encode(answer: Answer, at: float) -> bytes:
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    return json.dumps({"status": answer.status, "headers": headers, "at": at}).encode() + b"\n" + answer.content


def _decode(stored: bytes, url: str) -> tuple[Answer, float] | None:
    head, _, content = stored.partition(b"\n")
    try:
        about: dict[str, Any] = json.loads(head)
        headers = {str(name): value.strip() for name, value in about["headers"].items()}
        return Answer(int(about["status"]), headers, content, url), float(about["at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
