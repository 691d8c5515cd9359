"""Bytes that outlive a run, in a folder of the user's own.

What is asked for by digest is kept for good and hashed again whenever it is read: it cannot be wrong, only missing. What a tag
names, and which signatures are listed, moves: such answers are used only while they are younger than the time that the user
has granted them (none by default). No verdict is kept, and nothing that depends on a rule or a trust root.

An entry is filed under its URL, so answers of one repository serve no other, and answers that can move also under the TLS
settings they came by. Writing is atomic: several processes may share a folder, and one that is killed leaves no half entry.
A folder that cannot be written or an entry that is damaged costs a request, nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from auditor.config.rules import RegistrySettings
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.model.reference import Digest
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin
from auditor.registry.http import Answer, Keep, Question

_VERSION: Final = "v1"
_TEMPORARY: Final = ".new"
_HEADERS: Final = ("content-type", "docker-content-digest", "link", "oci-filters-applied")
_KEPT_STATUS: Final = frozenset({200, 404})


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Where bytes are kept, and how old (seconds) answers about tags and listings may be."""

    folder: Path
    tag_seconds: float = 0.0
    listing_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds: entries, and bytes on disk."""

    entries: int
    size: int


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


class Cache:
    """The folder. Thread-safe and safe for concurrent processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _VERSION

    def read(self, key: str) -> bytes | None:
        """An entry, None if there is none or it is damaged (then it is removed)."""
        path = self._path(key)
        try:
            stored = path.read_bytes()
        except OSError:
            return None
        checksum, _, content = stored.partition(b"\n")
        if hashlib.sha256(content).hexdigest().encode() == checksum:
            return content
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def write(self, key: str, content: bytes) -> None:
        """Keep an entry. Where that fails (no space, no permission) nothing is kept."""
        path = self._path(key)
        made = path.with_name(f"{path.name}.{secrets.token_hex(8)}{_TEMPORARY}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            made.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                made.unlink()

    def info(self) -> CacheInfo:
        """How much there is."""
        sizes = [entry.stat().st_size for entry in self._entries()]
        return CacheInfo(len(sizes), sum(sizes))

    def clear(self) -> CacheInfo:
        """Remove everything; what there was."""
        info = self.info()
        for entry in self._entries():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)  # noqa: PTH108 - DirEntry has the path already
        return info

    def trim(self, most: int) -> None:
        """Remove the entries that were written longest ago until at most `most` bytes are left."""
        entries = sorted((entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in self._entries())
        over = sum(size for _, size, _ in entries) - most
        for _, size, path in entries:
            if over <= 0:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - DirEntry has the path already
            over -= size

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """Every file, those that a killed process has left included."""
        try:
            folders = [entry.path for entry in os.scandir(self._folder) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return
        for folder in folders:
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / name[2:]


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
        self._registries = registries
        self._limits = limits
        self._clock = clock
        self._wrote = False

    def ask(self, question: Question) -> Answer:
        """The answer, from the cache where it may be used. Raises Failed."""
        age = self._ages[question.keep]
        key = self._key(question)
        stored = self._read(key, question, age) if age > 0 else None
        if stored is not None:
            return stored
        if self._session is None:
            raise Failed(FaultKind.OFFLINE, f"{question.what}: this run is offline, and the cache does not have it")
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
