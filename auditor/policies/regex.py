"""Regular expressions as all engines here have them: Go's, which is RE2's, found anywhere in the text. Linear in time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from auditor.config.names import InvalidPattern, compile_regex


@lru_cache(maxsize=4096)
def expression(text: str) -> Any:
    """A regular expression as Go reads it, for `search`: unanchored. Raises InvalidPattern."""
    return compile_regex(text)


@lru_cache(maxsize=16_384)  # a few identities have signed all images
def occurs(pattern: str, text: str) -> bool:
    """Whether a regular expression is found anywhere in the text. Raises InvalidPattern."""
    return expression(pattern).search(text) is not None


def invalid(text: str) -> str | None:
    """Why a regular expression cannot be used; None where it can."""
    try:
        expression(text)
    except InvalidPattern as problem:
        return str(problem)
    return None
