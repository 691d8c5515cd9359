"""Keys and certificates as policies hold them: told where they are no PEM, at the field that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from auditor.policies.cursor import Cursor, Mistake
from auditor.signatures.encoding import Malformed
from auditor.signatures.keys import load_pem_key
from auditor.signatures.pem import root_from_pem


def pem_mistakes(**parts: Cursor) -> Iterator[Mistake]:
    """What is wrong with the `fulcio`, `rekor`, `ctlog` and `tsa` of a policy; variables that a cluster fills in are not looked at."""
    for part, field in parts.items():
        if field.text and "{{" not in field.text and (why := _wrong_part(part, field.text)):
            yield field.mistake(f"not PEM that can be read: {why}")


def key_mistakes(field: Cursor, *pems: bytes) -> Iterator[Mistake]:
    """What is wrong with the public keys that a field holds."""
    for pem in pems:
        if why := _wrong_key(pem):
            yield field.mistake(f"not PEM that can be read: {why}")


@lru_cache(maxsize=1024)  # fleets repeat the same few keys in every policy
def _wrong_part(part: str, text: str) -> str | None:
    try:
        root_from_pem({part: text.encode()})
    except Malformed as problem:
        return str(problem)
    return None


@lru_cache(maxsize=1024)
def _wrong_key(pem: bytes) -> str | None:
    try:
        load_pem_key(pem, "the key")
    except Malformed as problem:
        return str(problem)
    return None
