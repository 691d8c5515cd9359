"""The issuer and subject of a certificate as they are encoded: RFC 5280 chains compare names, and these bytes are the names.

And the algorithm of its signature, which it names twice.

`cryptography` gives names parsed, which costs more than it tells and warns about harmless flaws (a country of three letters).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

_CONSTRUCTED_0 = 0xA0
_LONG_FORM = 0x80


def issuer_and_subject(certificate: Certificate) -> tuple[bytes, bytes]:
    """The DER of both names."""
    return encoded_names(certificate.public_bytes(Encoding.DER))


def encoded_names(der: bytes) -> tuple[bytes, bytes]:
    """The DER of issuer and subject in a certificate's own DER, which was parsed before: so its encoding holds (X.690).

    Source: RFC 5280 section 4.1.
    """
    issuer = _end(der, _algorithm(der))
    validity = _end(der, issuer)
    subject = _end(der, validity)
    return der[issuer:validity], der[subject : _end(der, subject)]


def stated_algorithms(der: bytes) -> tuple[bytes, bytes]:
    """The DER of both AlgorithmIdentifiers of a certificate's signature: inside of what is signed, and outside.

    Of DER that was parsed before, as above. Source: RFC 5280 section 4.1.1.2, which wants them equal.
    """
    inner, outer = _algorithm(der), _end(der, _content(der, 0)[0])
    return der[inner : _end(der, inner)], der[outer : _end(der, outer)]


def _algorithm(der: bytes) -> int:
    """Where `signature` stands in TBSCertificate."""
    tbs, _ = _content(der, 0)
    position, _ = _content(der, tbs)
    if der[position] == _CONSTRUCTED_0:  # version
        position = _end(der, position)
    return _end(der, position)  # behind serialNumber


def _content(der: bytes, position: int) -> tuple[int, int]:
    """Where the content of the element at `position` starts, and its length."""
    length = der[position + 1]
    if length < _LONG_FORM:
        return position + 2, length
    start = position + 2 + length - _LONG_FORM
    return start, int.from_bytes(der[position + 2 : start], "big")


def _end(der: bytes, position: int) -> int:
    start, length = _content(der, position)
    return start + length
