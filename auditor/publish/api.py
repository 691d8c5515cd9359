"""The API of one forge, by its rules of the road: its pages, its rate limits, its redirects.

The token goes to the origin that was configured and nowhere else: not to where a redirect or a `Link` header points. It is in
no message. Plain HTTP is for this machine only, unless the configuration says otherwise.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.publish.links import next_page
from auditor.publish.outcome import Refused
from auditor.registry.faults import Failed
from auditor.registry.hosts import Origin, is_loopback
from auditor.registry.pace import Pace, retry_after
from auditor.report.escape import cut, visible_text

if TYPE_CHECKING:
    from auditor.registry.exchange import Reply

_SAID: Final = 200
_MOVED: Final = frozenset({301, 302, 307, 308})
_SECONDARY_WAIT: Final = 60.0
"""GitHub: "wait for at least one minute" after a secondary rate limit that names no time."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the API is, and what is sent to prove who asks. `secrets` are the strings that no message may hold."""

    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    plain_http: bool = False
    proxy: str = ""
    ca_file: str = ""


class Endless(Failed):
    """A listing that has no end. `items` is what it held so far."""

    def __init__(self, host: str) -> None:
        super().__init__(FaultKind.TOO_MANY, f"{host} pages its answer without end", again=False)
        self.items: list[Any] = []


class Api:
    """Requests to one forge. Thread-safe."""

    def __init__(self, access: Access, environ: Mapping[str, str], limits: Limits) -> None:
        """Raise UsageError for an address that no token may be sent to."""
        # An audit that lists no organisation knows of forges without asking any.
        from auditor.registry.exchange import Exchange  # noqa: PLC0415

        self._access = access
        self._limits = replace(limits, run_seconds=limits.publish_seconds)
        self._origin = _origin(access)
        self._exchange = Exchange(environ, self._limits, ca_file=access.ca_file, proxy=access.proxy)
        self._pace = Pace(self._limits)

    @property
    def host(self) -> str:
        """Host and port, as messages name them."""
        return self._origin.authority

    def ask(self, method: str, path: str, body: object = None, *, again: bool = True) -> Any:
        """The JSON of an answer (None where there is none). Raises Refused, or Failed where nobody answered.

        `again`: asking twice does no harm. Without it only what the forge has surely not done is asked again.
        """
        return _json(self._reply(method, self._url(path), body, again=again), self.host)

    def pages(self, path: str) -> list[Any]:
        """Every item of a listing, page after page. Raises Refused, Failed, or Endless with what was read."""
        items: list[Any] = []
        try:
            for page in self.each_page(path, self._limits.forge_pages):
                items += page
        except Endless as error:
            error.items = items
            raise
        return items

    def each_page(self, path: str, most: int) -> Iterator[list[Any]]:
        """The pages of a listing, one after the other. Raises Refused, Failed, or Endless where there are more than `most`."""
        url: str | None = self._url(path)
        seen: set[str] = set()
        while url is not None:
            if url in seen or len(seen) >= most:
                raise Endless(self.host)
            seen.add(url)
            reply = self._reply("GET", url, None, again=True)
            page, following = next_page(reply, _json(reply, self.host))
            yield page
            url = self._target(url, following) if following else None

    def _url(self, path: str) -> str:
        return path if path.startswith(("https://", "http://")) else self._access.base.rstrip("/") + path

    def _target(self, url: str, location: str) -> str:
        """Where a redirect or a `Link` leads, if the token may go there."""
        try:
            return self._same_origin(urljoin(url, location))
        except ValueError:
            raise Refused(FaultKind.REDIRECT, f"{self.host} points to what is no URL", again=False) from None

    def _same_origin(self, url: str) -> str:
        """The address, if the token may go there."""
        try:
            origin = Origin.of(url)
        except ValueError:
            origin = None
        if origin != self._origin:
            raise Refused(FaultKind.REDIRECT, f"{self.host} points to another host, which gets no token", again=False)
        return url

    def _reply(self, method: str, url: str, body: object, *, again: bool) -> Reply:
        self._same_origin(url)
        return self._pace.call(self.host, lambda deadline: self._once(method, url, body, deadline, again=again))

    def _once(self, method: str, url: str, body: object, deadline: float, *, again: bool) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        headers = {**self._access.headers, **({"Content-Type": "application/json"} if content else {})}
        for _ in range(self._limits.redirects + 1):
            try:
                reply = self._exchange.send(
                    method, url, headers, content, deadline=deadline, bound=self._limits.forge_bytes
                )
            except Refused:
                raise
            except Failed as failure:
                raise Refused(failure.fault.kind, failure.fault.detail, again=failure.again and again) from None
            if reply.status not in _MOVED or "location" not in reply.headers:
                return self._checked(reply, method, url, again=again)
            if method != "GET" and reply.status in {301, 302}:
                break  # a client would turn it into a GET, which writes nothing
            url = self._target(url, reply.headers["location"])
        raise Refused(FaultKind.REDIRECT, f"{self.host} has moved {_shown(url)}", status=301, again=False)

    def _checked(self, reply: Reply, method: str, url: str, *, again: bool) -> Reply:
        if reply.status < 400:
            return reply
        said = self._said(reply)
        told = f"{self.host} answered {reply.status} to {method} {_shown(url)}{f': {said}' if said else ''}"
        wait = _wait(reply, said)
        if wait is not None:
            kind, repeat = FaultKind.RATE_LIMITED, True  # refused before anything was done
        else:
            kind = _KINDS.get(reply.status, FaultKind.SERVER if reply.status >= 500 else FaultKind.MALFORMED)
            repeat = again and reply.status >= 500
        raise Refused(kind, told, status=reply.status, again=repeat, wait=wait)

    def _said(self, reply: Reply) -> str:
        """The forge's own words, made harmless, and without any secret that it may repeat."""
        text = _message(reply.content)
        for secret in self._access.secrets:
            text = text.replace(secret, "***")
        return cut(visible_text(text), _SAID)


_KINDS: Final = {401: FaultKind.UNAUTHORIZED, 403: FaultKind.DENIED, 404: FaultKind.DENIED}


def _origin(access: Access) -> Origin:
    try:
        origin = Origin.of(access.base)
    except ValueError:
        raise UsageError(
            f"{access.base[:100]!r} is no http or https address of an API", help="name it: --api https://…"
        ) from None
    if origin.scheme == "http" and not (is_loopback(origin.host) or access.plain_http or access.proxy):
        raise UsageError(
            f"a token would travel to {origin.authority} in plain HTTP", help="use https, or allow it: --plain-http"
        )
    return origin


def _shown(url: str) -> str:
    """The path of an address, for messages."""
    return cut(visible_text(urlsplit(url).path), _SAID)


def _json(reply: Reply, host: str) -> Any:
    if not reply.content.strip():
        return None
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        raise Refused(
            FaultKind.MALFORMED, f"{host} answered {reply.status} without JSON", status=reply.status, again=False
        ) from None


def _message(content: bytes) -> str:
    """`message` (GitHub, Gitea, GitLab), `error` (GitLab), `error.message` (Bitbucket), `errors[0].message` (Data Center)."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    nested = [body.get("error"), errors[0] if isinstance(errors, list) and errors else None]
    told = [body.get("message"), *(each.get("message") if isinstance(each, dict) else each for each in nested)]
    return next((each for each in told if isinstance(each, str)), "")


def _wait(reply: Reply, said: str) -> float | None:
    """Seconds to wait where the forge limits the rate; None where it refuses for another reason.

    GitHub: 403 or 429 with `retry-after`, or with `x-ratelimit-remaining: 0` until `x-ratelimit-reset`, or with words only
    ("Rate limits for the REST API"); GitLab: 429 with `retry-after`.
    """
    if reply.status not in {403, 429}:
        return None
    asked = retry_after(reply.headers.get("retry-after"), datetime.now(UTC))
    if asked is not None:
        return asked
    reset = reply.headers.get("x-ratelimit-reset", "").strip()
    if reply.headers.get("x-ratelimit-remaining", "").strip() == "0" and reset.isascii() and reset[:12].isdigit():
        return max(float(reset[:12]) - time.time(), 0.0)
    if "secondary rate limit" in said.lower():
        return _SECONDARY_WAIT
    return 1.0 if reply.status == 429 else None


def each_object(items: list[Any]) -> Iterator[dict[str, Any]]:
    """The items of a listing that are objects."""
    return (item for item in items if isinstance(item, dict))
