"""Who we are to a registry: Basic, or Bearer tokens (the distribution project's token specification), as an httpx flow.

The recipe:

1. A request goes out with what is known for its host and scope: a live token, Basic, or nothing.
2. A 401 is answered by its challenge: Bearer before Basic.
3. The realm is checked before anything is sent there (`hosts.objection`).
4. The token is asked for once per host and scope, under a lock: by GET with Basic or anonymously, by POST with an identity token.
5. The request goes out once more. Whatever comes back then is the answer.

A token that has ended, or that the registry no longer takes, leads through the same steps again.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from msgspec import Struct, field

from auditor.config.rules import RegistrySettings
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.registry import challenge as challenges
from auditor.registry.challenge import Challenge
from auditor.registry.faults import Failed, from_status
from auditor.registry.hosts import Origin, objection
from auditor.registry.keychain import Credential, CredentialError, Keychain
from auditor.registry.transport import BOUND, DEADLINE, HEADERS

REPOSITORY: Final = "auditor.repository"
"""Request extension: the repository that the request is about, "" for none."""
_DEFAULT_LIFE: Final = 60
"""Seconds that a token lives when the answer does not say (the token specification)."""
_LONGEST_LIFE: Final = 86_400
"""Seconds after which a token is asked for anew, however long it says it lives."""
_REFUSALS: Final = (400, 401, 403)
_MARGIN: Final = 0.8
"""A token is used for this part of its life: it must still be good when the request arrives."""
_CLIENT: Final = "auditor"


class _Pass(Struct):
    """What is shown for one scope: the header's value, and when it stops being used (monotonic seconds)."""

    header: str
    end: float


class _Door(Struct):
    """What is known about one host: its last challenge, and the passes it takes, by repository."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    challenge: Challenge | None = None
    passes: dict[str, _Pass] = field(default_factory=dict)
    locks: dict[str, threading.Lock] = field(default_factory=dict)

    def current(self, repository: str) -> str | None:
        """The header for that repository, None where there is none or its time is over."""
        known = self.passes.get(repository)
        return known.header if known and time.monotonic() < known.end else None

    def lock_of(self, repository: str) -> threading.Lock:
        """The lock under which that repository's token is asked for."""
        with self.lock:
            return self.locks.setdefault(repository, threading.Lock())


class RegistryAuth(httpx.Auth):
    """The flow for every registry of a run. Thread-safe."""

    def __init__(self, settings: Mapping[str, RegistrySettings], keychain: Keychain, limits: Limits) -> None:
        self._settings = settings
        self._keychain = keychain
        self._limits = limits
        self._doors: dict[Origin, _Door] = {}
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The recipe of this module. Raises Failed when there is no way in."""
        repository = str(request.extensions.get(REPOSITORY, ""))
        door = self._door(Origin.of(str(request.url)))
        # Step 1. Where the host is known to want a token, it is asked for without knocking first.
        shown = door.current(repository)
        if shown is None and door.challenge is not None:
            shown = yield from self._enter(door, door.challenge, request, None)
        if shown is not None:
            request.headers["Authorization"] = shown
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        # Step 2.
        found = _choose(response)
        if found is None:
            return
        # Steps 3 and 4.
        header = yield from self._enter(door, found, request, shown)
        if header is None or header == shown:
            return
        # Only a challenge that led to a pass is remembered: one repository must not lock the others out.
        door.challenge = found
        # Step 5.
        request.headers["Authorization"] = header
        yield request

    def _door(self, origin: Origin) -> _Door:
        with self._lock:
            return self._doors.setdefault(origin, _Door())

    def _enter(
        self, door: _Door, asked: Challenge, request: httpx.Request, refused: str | None
    ) -> Generator[httpx.Request, httpx.Response, str | None]:
        """The header to show, None to go on without. `refused` is one that the registry has just not taken."""
        repository, origin = str(request.extensions.get(REPOSITORY, "")), Origin.of(str(request.url))
        with door.lock_of(repository):
            known = door.current(repository)
            if known is not None and known != refused:
                return known  # another thread was here first
            found = self._credential(origin, repository)
            credential = found if isinstance(found, Credential) else None
            if asked.scheme == "basic":
                made = _basic_pass(credential)
            elif credential is not None and credential.bearer:
                made = _Pass(f"Bearer {credential.bearer}", float("inf"))
            else:
                token_request = self._token_request(asked, origin, request, credential)
                response = yield token_request
                refused_us = response.status_code in _REFUSALS and isinstance(found, CredentialError)
                made = None if refused_us else self._token_pass(response, token_request, credential)
            if made is None and isinstance(found, CredentialError):
                # Public images need no credential, so a broken helper is only told of where one was needed.
                raise Failed(FaultKind.CREDENTIAL, f"{origin.authority} wants a credential, and there is none: {found}")
            if made is None:
                return None
            door.passes[repository] = made
            return made.header

    def _credential(self, origin: Origin, repository: str) -> Credential | CredentialError | None:
        settings = self._settings.get(origin.authority)
        if settings is not None and settings.anonymous:
            return None
        try:
            return self._keychain.find(origin.authority, repository)
        except CredentialError as error:
            return error

    def _token_request(
        self, asked: Challenge, origin: Origin, request: httpx.Request, credential: Credential | None
    ) -> httpx.Request:
        """The question for a token. Raises Failed where the realm must not be asked."""
        realm = asked.parameters.get("realm", "")
        settings = self._settings.get(origin.authority)
        allowed = (settings.realm,) if settings and settings.realm else ()
        why = objection(realm, origin, allowed)
        if why is not None:
            raise Failed(
                FaultKind.CREDENTIAL,
                f"{origin.authority} wants a token from {realm[:200]!r}, which is not asked: {why}",
            )
        extensions = {DEADLINE: request.extensions.get(DEADLINE), BOUND: self._limits.token_bytes}
        form = {"service": asked.parameters.get("service", "")}
        scopes = _scopes(asked, str(request.extensions.get(REPOSITORY, "")))
        if credential is not None and credential.identity_token:
            form |= {"grant_type": "refresh_token", "refresh_token": credential.identity_token, "client_id": _CLIENT}
            return httpx.Request(
                "POST", realm, data=form | {"scope": " ".join(scopes)}, headers=HEADERS, extensions=extensions
            )
        query = urlencode([("service", form["service"]), *(("scope", scope) for scope in scopes)])
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        shown = {"Authorization": _basic(credential)} if credential is not None else {}
        return httpx.Request("GET", url, headers=HEADERS | shown, extensions=extensions)

    def _token_pass(self, response: httpx.Response, request: httpx.Request, credential: Credential | None) -> _Pass:
        """The pass that a token endpoint gave. Redirects are not followed: the realm is what was checked."""
        host = request.url.netloc.decode("ascii", "replace")
        if response.status_code in _REFUSALS:
            who = f"the credentials from {credential.source}" if credential else "anonymous access"
            raise Failed(
                FaultKind.UNAUTHORIZED, f"{host} refused {who} ({response.status_code}): missing, or no access"
            )
        if response.is_redirect:
            raise Failed(FaultKind.REDIRECT, f"{host} redirects the question for a token, which is not followed")
        if response.status_code != httpx.codes.OK:
            raise from_status(response.status_code, host, "the token")
        answer = _json(response.content)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Failed(FaultKind.MALFORMED, f"{host} did not answer with a token")
        stated = answer.get("expires_in")
        life = min(stated, _LONGEST_LIFE) if isinstance(stated, int | float) and stated > 0 else _DEFAULT_LIFE
        return _Pass(f"Bearer {token}", time.monotonic() + life * _MARGIN)


def _choose(response: httpx.Response) -> Challenge | None:
    """The challenge to answer: Bearer before Basic, others not at all."""
    found = [c for header in response.headers.get_list("www-authenticate") for c in challenges.parse(header)]
    for scheme in ("bearer", "basic"):
        for one in found:
            if one.scheme == scheme:
                return one
    return None


def _scopes(asked: Challenge, repository: str) -> Iterator[str]:
    """The scopes to ask for. A challenge of another repository (a remembered one) is no guide: pulling is all we do."""
    if repository:
        return iter([f"repository:{repository}:pull"])
    return iter(asked.parameters.get("scope", "").split())


def _basic(credential: Credential) -> str:
    return "Basic " + base64.b64encode(f"{credential.user}:{credential.password}".encode()).decode()


def _basic_pass(credential: Credential | None) -> _Pass | None:
    if credential is None or not credential.user:
        return None
    return _Pass(_basic(credential), float("inf"))


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
