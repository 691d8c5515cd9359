"""`POST /ct/v1/add-pre-chain`: all that Fulcio asks of a certificate transparency log (RFC 6962, 4.2), answered by ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from cryptography import x509

from fixtures.sigstore import TransparencyLog, der
from fixtures.sigstore.keys import PublicKey
from tests.interop.stack.web import Answer, Request

_POISON: Final = der.oid("1.3.6.1.4.1.11129.2.4.3")
_EXTENSIONS: Final = 0xA3


def routes(log: TransparencyLog) -> Mapping[str, Answer]:
    """What the log's web server answers."""

    def add(request: Request) -> Mapping[str, Any]:
        precertificate, issuer = (
            x509.load_der_x509_certificate(base64.b64decode(each)) for each in json.loads(request.body)["chain"][:2]
        )
        tbs = without_poison(precertificate.tbs_certificate_bytes)
        sct = log.sct(tbs, cast("PublicKey", issuer.public_key()), datetime.now(UTC))
        # A serialized SCT: version, log id, milliseconds, extensions (none), then what is signed (RFC 6962, 3.2).
        return {
            "sct_version": sct[0],
            "id": base64.b64encode(sct[1:33]).decode(),
            "timestamp": int.from_bytes(sct[33:41], "big"),
            "extensions": "",
            "signature": base64.b64encode(sct[43:]).decode(),
        }

    return {"/ct/v1/add-pre-chain": add}


def without_poison(tbs: bytes) -> bytes:
    """The TBSCertificate without the extension that makes it a precertificate: what an SCT is over (RFC 6962, 3.2)."""
    (whole,) = _elements(tbs)
    parts = []
    for part in _elements(_content(whole)):
        if part[0] == _EXTENSIONS:
            (listed,) = _elements(_content(part))
            kept = [each for each in _elements(_content(listed)) if not _content(each).startswith(_POISON)]
            parts.append(der.explicit(3, der.sequence(*kept)))
        else:
            parts.append(part)
    return der.sequence(*parts)


def _elements(data: bytes) -> Iterator[bytes]:
    """The elements that stand one after the other, each with tag and length."""
    while data:
        size = _head(data) + _length(data)
        yield data[:size]
        data = data[size:]


def _content(element: bytes) -> bytes:
    return element[_head(element) :]


def _head(element: bytes) -> int:
    return 2 + (element[1] & 0x7F if element[1] & 0x80 else 0)


def _length(element: bytes) -> int:
    return int.from_bytes(element[2 : _head(element)], "big") if element[1] & 0x80 else element[1]
