"""Bytes that outlive a run, in a folder of the user's own.

What is asked for by digest is kept for good and hashed again whenever it is read: it cannot be wrong, only missing. What a tag
names, and which signatures are listed, moves: such answers are used only while they are younger than the time that the user
has granted them (none by default). No verdict is kept, and nothing that depends on a rule or a trust root.

An entry is filed under its URL, so answers of one repository serve no other, and answers that can move also under the TLS
settings they came by. The folder itself is `store.py`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import httpx

from auditor.config.rules import RegistrySettings
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin
from auditor.registry.http import Answer, Keep, Question
from auditor.registry.store import Cache, CacheSettings

_HEADERS: Final = ("content-type", "docker-content-digest", "link", "oci-filters-applied")
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
        stored = self._read(key, question, age) if age > 0 and not self._refresh else None
        if stored is not None:
            return stored
        if self._session is None:
            why = (
                "the cache does not have it" if age > 0 else f"the cache is believed only under {_LEAVE[question.keep]}"
            )
            raise Failed(FaultKind.OFFLINE, f"{question.what}: this run is offline, and {why}")
        answer = self._session.ask(question)
        if age > 0 and _is_worth_keeping(answer, question):
            self._cache.write(key, _encode(answer, self._clock()))
            self._wrote = True
        return answer

    def close(self) -> None:
        """Keep the folder within its bounds."""
        if self._wrote:
            self._cache.trim(self._limits.cache_bytes)

    def _key(self, question: Question) -> str:
        """The URL; for answers that can move also the TLS settings: another authority may vouch for another host."""
        own = None if question.keep is Keep.CONTENT else self._registries.get(Origin.of(question.url).authority)
        tls = (own.ca_pem, own.client_certificate, own.plain_http) if own else None
        return f"{question.method} {question.url} {tls}"

    def _read(self, key: str, question: Question, age: float) -> Answer | None:
        stored = self._cache.read(key)
        read = None if stored is None else _decode(stored, question.url)
        if read is None:
            return None
        answer, at = read
        if not 0 <= self._clock() - at <= age and question.keep is not Keep.CONTENT:
            return None
        return answer if _is_worth_keeping(answer, question) else None


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
        return Answer(int(about["status"]), httpx.Headers(about["headers"]), content, url), float(about["at"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
