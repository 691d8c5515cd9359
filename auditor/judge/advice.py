"""What to do next where something could not be told, by the kind of fault."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auditor.model.evidence import FaultKind

_LATER: Final = "Run again when the registry answers. Nothing says that the image is unsigned."
_NETWORK: Final = "Check the host's name, the network and the proxy of this machine, then run again."
_LOGIN: Final = "Log in to the registry (`docker login`) with read access; a missing repository looks the same."
_OWNER: Final = "Ask whoever runs the registry: what it answers is against its specification."
_LIMIT: Final = "Look at what lies beside the image (`auditor verify`): it is more than is read."

_NEXT: Final[Mapping[FaultKind, str]] = MappingProxyType(
    {
        FaultKind.NO_SUCH_HOST: _NETWORK,
        FaultKind.REFUSED: _NETWORK,
        FaultKind.CONNECTION: _NETWORK,
        FaultKind.TLS: "Trust the registry's certificate authority by `registries.<host>.ca-file`.",
        FaultKind.TIMEOUT: _LATER,
        FaultKind.UNAUTHORIZED: _LOGIN,
        FaultKind.DENIED: _LOGIN,
        FaultKind.RATE_LIMITED: "Log in for a higher limit, or run again later. Nothing says that the image is unsigned.",
        FaultKind.SERVER: _LATER,
        FaultKind.MALFORMED: _OWNER,
        FaultKind.MISMATCH: _OWNER,
        FaultKind.TOO_LARGE: _LIMIT,
        FaultKind.TOO_MANY: _LIMIT,
        FaultKind.REDIRECT: _OWNER,
        FaultKind.CREDENTIAL: "Mend the credentials of this machine: the message names the file or program.",
        FaultKind.UNSUPPORTED: "Write a reference that can be judged, or waive it until a date.",
        FaultKind.NOT_ASKED: "Name the host in a `match:` pattern of the rules, or set `inspect: all`.",
        FaultKind.OFFLINE: "Run without `--offline`.",
        FaultKind.DEADLINE: _LATER,
        FaultKind.INTERNAL: "This is a mistake in auditor: please report it with the log.",
    }
)


def next_step(kind: FaultKind) -> str:
    """A sentence for the reader."""
    return _NEXT[kind]
