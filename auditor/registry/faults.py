"""Foreign errors and refusing statuses, as the faults that a report can show."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from auditor.model.evidence import Fault, FaultKind

_RETRIED_KINDS: Final = frozenset({FaultKind.CONNECTION, FaultKind.REFUSED, FaultKind.TIMEOUT})


class Failed(Exception):  # noqa: N818 - a fact about one request, turned into a value by the client
    """One request that has no usable answer. `again` says whether asking once more may help; `wait` for how long (seconds)."""

    def __init__(self, kind: FaultKind, detail: str, *, again: bool | None = None, wait: float | None = None) -> None:
        super().__init__(detail)
        self.fault = Fault(kind, detail)
        self.again = kind in _RETRIED_KINDS if again is None else again
        self.wait = wait


class Truncated(ConnectionError):  # noqa: N818 - what came, as `Failed` is
    """An answer that ended before it was whole."""


class Malformed(ValueError):  # noqa: N818 - as above
    """Bytes that are no HTTP, or have two readings."""


_SENTENCES: Final[tuple[tuple[type[Exception], FaultKind, str], ...]] = (
    (TimeoutError, FaultKind.TIMEOUT, "{host} did not answer in time"),
    (socket.gaierror, FaultKind.NO_SUCH_HOST, "{host} has no address"),
    (ssl.SSLCertVerificationError, FaultKind.TLS, "the certificate of {host} is not trusted: {why}"),
    (ssl.SSLEOFError, FaultKind.CONNECTION, "{host} closed the TLS connection"),
    (ssl.SSLZeroReturnError, FaultKind.CONNECTION, "{host} closed the TLS connection"),
    (ssl.SSLError, FaultKind.TLS, "TLS with {host} failed: {why}"),
    (ConnectionRefusedError, FaultKind.REFUSED, "{host} refused the connection"),
    (Truncated, FaultKind.CONNECTION, "{host} ended its answer too early"),
    (ConnectionError, FaultKind.CONNECTION, "{host} closed the connection"),
    (OSError, FaultKind.CONNECTION, "the connection to {host} failed: {why}"),
    (ValueError, FaultKind.MALFORMED, "{host} did not answer in HTTP"),
)
"""The first that fits decides: narrow before wide."""


def from_exception(error: Exception, host: str) -> Failed:
    """What socket, TLS and HTTP raise, in our own words. `host` is named in the sentence."""
    kind, sentence = next((k, s) for t, k, s in _SENTENCES if isinstance(error, t))
    words = (getattr(error, name, None) for name in ("verify_message", "reason", "strerror"))
    why = next((str(word) for word in words if word), type(error).__name__)
    # A resolver that is busy (EAI_AGAIN) may know the name in a moment; one that says "no such name" is believed.
    again = True if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN else None
    return Failed(kind, sentence.format(host=host, why=why), again=again)


def from_status(status: int, host: str, what: str, codes: tuple[str, ...] = ()) -> Failed:
    """A status that is no answer to the question. `codes` are the error codes of the body (distribution specification)."""
    said = f"{status}, {', '.join(codes)}" if codes else f"{status}"
    match status:
        case 401:
            return Failed(FaultKind.UNAUTHORIZED, f"{what}: missing, or no access ({host} answered {said})")
        case 403:
            return Failed(FaultKind.DENIED, f"{what}: missing, or no access ({host} answered {said})")
        case 408:
            return Failed(FaultKind.TIMEOUT, f"{what}: {host} timed out ({said})", again=True)
        case 429:
            return Failed(FaultKind.RATE_LIMITED, f"{what}: {host} limits the rate of requests ({said})", again=True)
        case _ if status >= 500:
            return Failed(FaultKind.SERVER, f"{what}: {host} has an error of its own ({said})", again=True)
        case _:
            return Failed(FaultKind.MALFORMED, f"{what}: {host} gave an answer that makes no sense here ({said})")
