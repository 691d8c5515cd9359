"""Questions to registries: one answer or one fault each, with redirects followed by hand, at the pace of the host."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin

import httpx
from msgspec import Struct

from auditor.config.rules import RegistrySettings
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry.auth import REPOSITORY, RegistryAuth
from auditor.registry.connection import Sent
from auditor.registry.faults import Failed, from_status
from auditor.registry.hosts import Origin, objection
from auditor.registry.keychain import Keychain
from auditor.registry.pace import Pace, retry_after
from auditor.registry.proxies import proxy_for
from auditor.registry.tls import Contexts
from auditor.registry.transport import (
    BOUND,
    DEADLINE,
    HEADERS,
    TARGET,
    PooledTransport,
    ProxiedTransport,
    Received,
    origin_of,
)

_PASSING: Final = frozenset({408, 429, *range(500, 600)})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NEARLY: Final = 20
"""Requests left of an allowance (Docker Hub gives 100 in six hours) from which on it is said."""
_PLAIN: Final = re.compile(r"(?!.*/[./])[A-Za-z0-9/._:@-]+")
"""A path that means itself in every reading of URLs, without dots or nothing for a segment: what our own questions ask for."""
_CODES: Final = 3
_CODE_LENGTH: Final = 64


class Keep(Enum):
    """Whether an answer may outlive the run (`auditor.registry.cache`)."""

    NOT = "not"
    CONTENT = "content"  # asked for by digest: for ever
    TAG = "tag"
    LISTING = "listing"


class Question(Struct, frozen=True):
    """One request. `what` names it in messages; `bound` is the bytes of the answer that are read at most.

    `hosts` are the only ones that a redirect may lead to, beside the asked one; None: every public one. `anonymous`: nobody's
    credentials are shown, whatever the answer is. `etag`: the validator of an answer at hand, which the host may say still holds
    (304; RFC 9110 §13.1.2). `rare`: hardly ever there, so that HEAD, whose answer has no body, may ask first.
    """

    method: str
    url: str
    repository: str
    what: str
    accept: str = "*/*"
    bound: int = 0
    keep: Keep = Keep.NOT
    hosts: frozenset[str] | None = None
    anonymous: bool = False
    etag: str | None = None
    rare: bool = False


class Answer(Struct, frozen=True):
    """A status that is about the question (never 408, 429 or 5xx), the headers (names in lower case), and the whole body."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def content_type(self) -> str:
        """As sent, parameters included."""
        return str(self.headers.get("content-type", ""))

    @property
    def codes(self) -> tuple[str, ...]:
        """The error codes of the body (distribution specification); those that are no plain words are left out."""
        try:
            errors = json.loads(self.content).get("errors", [])
            codes = [error.get("code") for error in errors[:_CODES]]
        except (ValueError, AttributeError, TypeError, RecursionError):
            return ()
        return tuple(c for c in codes if isinstance(c, str) and c.isidentifier() and len(c) <= _CODE_LENGTH)


class Session:
    """Every request of a run goes through here. Thread-safe. A context manager: leaving it closes the connections."""

    def __init__(
        self,
        settings: Mapping[str, RegistrySettings],
        environ: Mapping[str, str],
        limits: Limits,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._environ = environ
        self._contexts = Contexts(settings, environ.get("SSL_CERT_FILE"))
        self._direct = PooledTransport(self._contexts, limits)
        self._proxied: dict[str, ProxiedTransport] = {}
        self._ways: dict[Origin, PooledTransport | ProxiedTransport] = {}
        self._roots: dict[Origin, _Root] = {}
        self._auth = RegistryAuth(settings, Keychain(environ, seconds=limits.helper_seconds), limits)
        self._pace = pace or Pace(limits)
        self._allowances: dict[str, str] = {}
        self._lock = threading.Lock()

    def ask(self, question: Question) -> Answer:
        """The answer to a question. Raises Failed."""
        origin = Origin.of(question.url)
        return self._pace.call(origin.authority, lambda deadline: self._follow(question, origin, deadline))

    def _follow(self, question: Question, origin: Origin, deadline: float) -> Answer:
        """Send, and follow redirects: each is checked, and credentials stay with the host that they are for."""
        url, at = question.url, origin
        for _ in range(self._limits.redirects + 1):
            response = self._sent(question, url, at, deadline, with_auth=at == origin and not question.anonymous)
            self._note_allowance(at, response)
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                return _answer(response, question, url, at)
            url = self._target(response, url, at, question)
            at = Origin.of(url)
        raise Failed(FaultKind.REDIRECT, f"{question.what}: {origin.authority} redirects again and again")

    def stop(self) -> None:
        """End what is under way and let nothing more begin: every question that is open has a fault for an answer."""
        self._pace.stop()
        self._direct.stop()

    def notes(self) -> tuple[str, ...]:
        """What the reader should know of the registries: allowances that are nearly used up."""
        return tuple(self._allowances.values())

    def _note_allowance(self, at: Origin, response: Received) -> None:
        """Docker Hub says with each answer how many more it will give (`ratelimit-remaining: 7;w=21600`)."""
        left = _allowance(response.headers.get("ratelimit-remaining"))
        if left is not None and left <= _NEARLY:
            self._allowances[at.authority] = f"{at.authority} will answer only {left} more requests for now"

    def _target(self, response: Received, url: str, origin: Origin, question: Question) -> str:
        """Where a redirect leads. Raises Failed where it must not be followed."""
        location = response.headers["location"]
        try:
            target = urljoin(url, location)
        except ValueError:
            target = location
        why = objection(target, origin, self._settings if question.hosts is None else question.hosts)
        if why is None and question.hosts is not None and not _is_one_of(target, origin, question.hosts):
            why = "it is none of the hosts that are allowed here"
        if why is not None:
            raise Failed(
                FaultKind.REDIRECT,
                f"{question.what}: {origin.authority} redirects to {target[:200]!r}, which is not asked: {why}",
            )
        return target

    def _sent(self, question: Question, url: str, origin: Origin, deadline: float, *, with_auth: bool) -> Received:
        """The answer. Raises Failed, also for hosts that httpx does not take for any: of a redirect, or of a realm."""
        try:
            return self._send(question, url, origin, deadline, with_auth=with_auth)
        except (httpx.InvalidURL, UnicodeError):
            detail = f"{question.what}: {origin.authority} is no host, or names one that is none"
            raise Failed(FaultKind.MALFORMED, detail) from None

    def _send(self, question: Question, url: str, origin: Origin, deadline: float, *, with_auth: bool) -> Received:
        """The answer for a URL that belongs to `origin`.

        httpx looks at every character of a URL and makes objects of everything, which takes half of a request. What goes over our
        own transport, to a path that has no two readings, and with what is known already of who we are, is sent without it.
        """
        transport = self._transport_to(origin)
        repository, first = question.repository, None
        root = str(origin)
        path = url.removeprefix(root)
        plain = transport is self._direct and url.startswith(f"{root}/") and _PLAIN.fullmatch(path) is not None
        if plain and (not with_auth or self._auth.is_ready(origin, repository)):
            shown = self._auth.shown(origin, repository) if with_auth else None
            first = self._quickly(question, path, origin, deadline, shown)
            if first.status_code != httpx.codes.UNAUTHORIZED or not with_auth:
                return first
            first.shown = shown
        request = self._request(question, url, origin, deadline, path=path if plain else None)
        if not with_auth:
            return _received(transport.handle_request(request), origin)
        return _received(self._authorised(transport, request, first), origin)

    def _quickly(self, question: Question, path: str, origin: Origin, deadline: float, shown: str | None) -> Received:
        root = self._root(origin)
        headers = [("Host", root.host), *_headers(question).items()]
        if shown is not None:
            headers.append(("Authorization", shown))
        return self._direct.send(root.origin, Sent(question.method, path, headers, None, deadline, question.bound))

    def _root(self, origin: Origin) -> _Root:
        return self._roots.get(origin) or self._roots.setdefault(origin, _Root(httpx.URL(f"{origin}/")))

    def _request(
        self, question: Question, url: str, origin: Origin, deadline: float, *, path: str | None
    ) -> httpx.Request:
        """The request for a URL that belongs to `origin`. Raises Failed where httpx does not read it as one.

        A `path` goes along as httpx's extension `target`, beside a URL that was read once.
        """
        extensions = {DEADLINE: deadline, BOUND: question.bound, REPOSITORY: question.repository}
        headers = _headers(question)
        if path is not None:
            target = {TARGET: path.encode("ascii")}
            return httpx.Request(
                question.method, self._root(origin).url, headers=headers, extensions=extensions | target
            )
        try:
            return httpx.Request(question.method, url, headers=headers, extensions=extensions)
        except httpx.InvalidURL:
            raise Failed(FaultKind.REDIRECT, f"{question.what}: {origin.authority} redirects to no URL") from None

    def _authorised(
        self, transport: httpx.BaseTransport, request: httpx.Request, first: Received | None
    ) -> httpx.Response:
        """The auth flow over a transport that raises nothing but Failed and reads its answers whole.

        What else `httpx.Client.send` does (redirects, cookies, hooks) is of no use here, and costs as much as the flow itself.
        `first` is what the same request was answered already; it counts where the flow would send the very same.
        """
        flow = self._auth.sync_auth_flow(request)
        try:
            sent = next(flow)
            known = first is not None and sent is request and sent.headers.get("Authorization") == first.shown
            response = first.response() if first is not None and known else transport.handle_request(sent)
            while True:
                try:
                    sent = flow.send(response)
                except StopIteration:
                    return response
                response = transport.handle_request(sent)
        finally:
            flow.close()  # it may hold the lock under which a token is asked for

    def _transport_to(self, origin: Origin) -> PooledTransport | ProxiedTransport:
        with self._lock:
            if origin not in self._ways:
                self._ways[origin] = self._way(proxy_for(origin, self._environ))
            return self._ways[origin]

    def _way(self, proxy: str | None) -> PooledTransport | ProxiedTransport:
        if proxy is None:
            return self._direct
        if proxy not in self._proxied:
            self._proxied[proxy] = ProxiedTransport(proxy, self._contexts, self._limits)
        return self._proxied[proxy]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._direct.close()
        for transport in self._proxied.values():
            transport.close()


class _Root:
    """An origin as httpx reads it, once: for its requests, for connections, and for the header `Host`."""

    def __init__(self, url: httpx.URL) -> None:
        self.url = url
        self.origin = origin_of(url)
        self.host = url.netloc.decode("ascii")


def _headers(question: Question) -> dict[str, str]:
    headers = {"Accept": question.accept, **HEADERS}
    if question.etag is not None:
        headers["If-None-Match"] = question.etag
    return headers


def _received(response: httpx.Response, origin: Origin) -> Received:
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    return Received(response.status_code, pairs, response.content, origin.authority)


def _is_one_of(target: str, asker: Origin, hosts: frozenset[str]) -> bool:
    origin = Origin.of(target)
    return origin == asker or not hosts.isdisjoint((origin.authority, f"{origin.host}:{origin.port}"))


def _allowance(header: str | None) -> int | None:
    number = (header or "").partition(";")[0].strip()[:9]
    return int(number) if number.isascii() and number.isdigit() else None


def _answer(response: Received, question: Question, url: str, origin: Origin) -> Answer:
    """The answer, unless its status says that there is none (yet)."""
    answer = Answer(response.status_code, response.headers, response.content, url)
    if answer.status not in _PASSING:
        return answer
    failure = from_status(answer.status, origin.authority, question.what, answer.codes)
    failure.wait = retry_after(response.headers.get("retry-after"), datetime.now(UTC))
    raise failure
