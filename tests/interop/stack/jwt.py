"""Signed tokens (RFC 7519, RS256)."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_LIFE: Final = 3600


def token(key: rsa.RSAPrivateKey, head: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """A token that lives for an hour from now."""
    now = int(time.time())
    body = {"iat": now, "nbf": now, "exp": now + _LIFE, **claims}
    signed = b".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT", **head}, body))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return (signed + b"." + base64url(signature)).decode()


def base64url(data: bytes) -> bytes:
    """The alphabet for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")
