"""How Kyverno writes an image's name (`pkg/utils/image` of 1.19): what `imageReferences` are compared with.

>>> name_of("nginx")
'docker.io/nginx:latest'
>>> name_of("ghcr.io/acme/api:1@sha256:" + "0" * 64)[:22]
'ghcr.io/acme/api@sha25'
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from auditor.model.reference import Reference

DEFAULT_REGISTRY: Final = "docker.io"


@lru_cache(maxsize=16_384)  # every policy asks for the name of the same image
def name_of(text: str, registry: str = DEFAULT_REGISTRY) -> str:
    """The normalised name of a reference as written: no `library/` is added, and a digest drops the tag.

    `registry` is the default one; empty where the cluster's configuration switches the default off.
    """
    first, slash, _ = text.partition("/")
    named = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    full = text if named or not registry else f"{registry}/{text}"
    body, at, digest = full.partition("@")
    if at:
        return f"{_without_tag(body)}@{digest}"
    return body if _without_tag(body) != body else f"{body}:latest"


def _without_tag(text: str) -> str:
    colon = text.rfind(":")
    return text[:colon] if colon > text.rfind("/") else text


def repository_of(text: str) -> str | None:
    """The normalised name of a repository that a policy names; None for what is none."""
    try:
        reference = Reference.parse(text)
    except ValueError:
        return None
    return reference.name if reference.tag is None and reference.digest is None else None
