"""Addresses of git repositories, as people write them and as git takes them. Pure.

Only what says who answers is taken: https, ssh and files of this machine; plain http on this machine alone.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

from auditor.errors import UsageError

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
"""`ext::sh -c …`: git would run a program of that name (gitremote-helpers(7))."""
_SCP: Final = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@/:\[\]]+):(?P<path>.+)")
_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_USER: Final = re.compile(r"(?!-)[\w.+-]{1,100}", re.ASCII)
_PORTS: Final = {"https": 443, "http": 80, "ssh": 22}
_HELP: Final = "write https://HOST/OWNER/REPOSITORY, ssh://…, git@HOST:OWNER/REPOSITORY, file:///… or a folder"


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password for one server. Never shown."""

    user: str = field(repr=False)
    password: str = field(repr=False)


class Address(Struct, frozen=True):
    """Where a git repository is. `url` is what git takes, without a password; `origin` what a login belongs to.

    `host` has the port if it is not the protocol's own, and is empty for files; `path` is without `.git` and outer slashes.
    """

    url: str
    protocol: str
    host: str
    path: str
    login: Login | None = None

    @property
    def origin(self) -> str:
        """Protocol and host, such as `https://github.com`."""
        return f"{self.protocol}://{self.host}"


def is_address(text: str) -> bool:
    """Whether this is an address and no folder, by git's own rule: a colon before the first slash says so."""
    return bool(_URL.match(text)) or ":" in text.partition("/")[0]


def read_address(text: str, *, plain_http: bool = False) -> Address:
    """An address in any form. Raises UsageError for what is none, and for what nothing may be fetched over."""
    if not text.isprintable() or any(char in text for char in " \\\"'<>") or len(text) > 2000:
        raise _wrong("an address holds a character that no address has")
    if _HELPER.match(text):
        raise _wrong(f"{text.partition('::')[0]}:: would run a program")
    if not _URL.match(text):
        return _scp(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _wrong(f"{redacted(text)} is no address") from None
    if re.search(r"%(?:0[0-9a-f]|1[0-9a-f]|7f)", text, re.IGNORECASE):
        raise _wrong(f"{redacted(text)} holds a control character")
    match parts.scheme:
        case "file":
            return _file(parts, text)
        case "https" | "http" | "ssh":
            return _remote(parts, port, plain_http=plain_http)
        case other:
            raise _wrong(f"nothing is fetched over {other}://")


def redacted(text: str) -> str:
    """A text with everything before an `@` of an address taken out: it may be a password, or a token in place of a user.

    >>> redacted("fatal: unable to access 'https://ci:secret@git.acme.example/apps/'")
    "fatal: unable to access 'https://***@git.acme.example/apps/'"
    """
    return re.sub(r"(?<=://)[^/\s'\"]*@", "***@", text)


def _remote(parts: SplitResult, port: int | None, *, plain_http: bool) -> Address:
    scheme, host = parts.scheme, (parts.hostname or "").rstrip(".")
    if not _HOST.fullmatch(host):
        raise _wrong(f"{scheme}:// needs the name of a host")
    if scheme == "http" and not (plain_http or _is_loopback(host)):
        raise UsageError(
            f"http://{host} would be read in the clear: anybody on the way could change it", help="use https"
        )
    if parts.query:
        raise _wrong(f"{scheme}://{host}{parts.path} has a query, which may hold a secret")
    bracketed = f"[{host}]" if ":" in host else host
    authority = bracketed if port in {None, _PORTS[scheme]} else f"{bracketed}:{port}"
    path = _path(parts.path)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if scheme == "ssh":
        if user and not _USER.fullmatch(user):
            raise _wrong(f"ssh://…@{host}: that is no name of a user")
        return Address(
            f"ssh://{user}@{authority}{parts.path}" if user else f"ssh://{authority}{parts.path}",
            scheme,
            authority,
            path,
        )
    login = Login(user, password) if user or password else None
    return Address(f"{scheme}://{authority}{parts.path}", scheme, authority, path, login)


def _file(parts: SplitResult, text: str) -> Address:
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise _wrong(f"{redacted(text)}: files of other machines are not read")
    return Address(f"file://{parts.path}", "file", "", _path(unquote(parts.path)))


def _scp(text: str) -> Address:
    match = _SCP.fullmatch(text)
    if match is None or not _HOST.fullmatch(match["host"].strip("[]")) or match["path"].startswith("-"):
        raise _wrong(f"{redacted(text)!r} is no address")
    if match["user"] is not None and not _USER.fullmatch(match["user"]):
        raise _wrong(f"…@{match['host']}: that is no name of a user")
    return Address(text, "ssh", match["host"].lower(), _path(match["path"]))


def _path(path: str) -> str:
    path = path.strip("/").removesuffix(".git").rstrip("/")
    if not path:
        raise _wrong("an address names no repository")
    return path


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _wrong(message: str) -> UsageError:
    return UsageError(message, help=_HELP)
