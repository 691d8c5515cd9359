"""What git says when a remote does not give what it was asked for → an error that says what to do. Pure.

git's messages are those of its sources (remote-curl.c, fetch-pack.c, connect.c, builtin/fetch.c) in the C locale. What a server
says in them is hostile: one line of it is shown, without anything that may be a password.
"""

from __future__ import annotations

import re
from typing import Final

from auditor.errors import SourceError
from auditor.source.addresses import redacted
from auditor.source.transfer import Ended, Stopped

_NO_REF: Final = "couldn't find remote ref"
_REFUSED_OBJECT: Final = ("not our ref", "unadvertised object")
_OTHER_FORMAT: Final = "mismatched algorithms"
_MOVED: Final = re.compile(r"requested URL returned error: 30[1278]\b")
_SHOWN: Final = 300

MAKE_ROOM: Final = "make room there, or let XDG_CACHE_HOME name a folder with more room"
_FULL: Final = ("No space left on device", "Disk quota exceeded")
_BY_WORDS: Final = (
    (
        (
            "terminal prompts disabled",
            "could not read Username",
            "could not read Password",
            "Authentication failed",
            "Permission denied",
            "error: 401",
            "error: 403",
        ),
        "asks for credentials that it was not given",
        "set up a credential helper or a token for this host; for ssh, a key that needs no passphrase typed in",
    ),
    (
        ("Host key verification failed",),
        "has a host key that this machine does not know",
        "add it to known_hosts after you have checked it",
    ),
    (
        ("not found", "does not appear to be a git repository", "error: 404"),
        "is not there, or is not shown to us",
        "check the address, and whether the credentials may read it",
    ),
    (
        ("transport '",),
        "leads to a protocol that is not allowed",
        "look for `url.….insteadOf` in the configuration of git",
    ),
    (
        ("Out of memory", "out of memory"),
        "says more than git may keep in memory",
        "look at what answers there",
    ),
    (
        ("SSL", "certificate"),
        "cannot be trusted: its certificate was refused",
        "name the authority in `http.sslCAInfo` of git's configuration",
    ),
    (
        (
            "Could not resolve host",
            "Connection refused",
            "Failed to connect",
            "timed out",
            "Connection reset",
            "unable to connect",
        ),
        "does not answer",
        "check the address and the network, and run again",
    ),
)
_NOT_THE_MIRROR: Final = (
    "requested URL returned error",
    "unable to access",
    "RPC failed",
    "early EOF",
    "hung up",
    "Could not read from remote",
    *_FULL,
    "cannot run",
    "unable to fork",
)


def names_no_ref(message: str) -> bool:
    """Whether the remote has no such branch, tag or HEAD."""
    return _NO_REF in message


def refuses_object(message: str) -> bool:
    """Whether the remote does not give, or does not have, an object that was asked for by its name."""
    return any(words in message for words in _REFUSED_OBJECT)


def is_of_the_remote(message: str) -> bool:
    """Whether the remote, the way to it or this machine is the reason: a mirror made anew would not help."""
    known = any(word in message for words, _, _ in (*_BY_WORDS, (_NOT_THE_MIRROR, "", "")) for word in words)
    return known or names_no_ref(message) or refuses_object(message)


def has_other_format(message: str) -> bool:
    """Whether the remote names its objects with another hash."""
    return _OTHER_FORMAT in message


def has_moved(message: str) -> bool:
    """Whether the remote answered with a redirect."""
    return _MOVED.search(message) is not None


def unreachable(url: str, message: str) -> SourceError:
    """The error for a fetch that failed."""
    own = [line for line in message.splitlines() if not line.startswith("remote:")]
    if any(word in line for line in own for word in _FULL):
        return SourceError(f"{url} cannot be fetched: there is no room left for it in the cache", help=MAKE_ROOM)
    for words, what, advice in _BY_WORDS:
        if any(word in message for word in words):
            return SourceError(f"{url} {what}{_said(message)}", help=advice)
    return SourceError(f"{url} cannot be fetched{_said(message)}", help=f"try `git ls-remote {url}`")


class FetchStopped(SourceError):  # noqa: N818 - named for the thing
    """A fetch that was ended because the run must end: nothing is said of the repository by it."""


def ended(url: str, error: Ended) -> SourceError:
    """The error for a fetch that was ended at a bound."""
    if isinstance(error, Stopped):
        return FetchStopped(f"{url} was being fetched when the run had to end", help="run the audit again")
    return SourceError(f"{url} cannot be fetched: {error}", help="run again, or audit a clone of it")


def _said(message: str) -> str:
    """The line that says why, as git wrote it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:", "ssh:"))] or lines
    if not fatal:
        return ""
    line = redacted("".join(char if char.isprintable() else "?" for char in fatal[0]))
    return f" ({line[:_SHOWN]})"
