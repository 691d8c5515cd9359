"""Patterns over names, paths and identities. Anchored at both ends, always.

One dialect everywhere: `*` stays inside one path segment, `**` crosses segments, every other character is literal.

>>> NamePattern.parse("ghcr.io/acme/**").matches("ghcr.io/acme/team/api")
True
>>> NamePattern.parse("ghcr.io/acme/*").matches("ghcr.io/acme/team/api")
False
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import re2


def _translate(glob: str) -> str:
    """The glob as a regular expression (the common subset of RE2 and Python)."""
    parts = re.split(r"(\*\*|\*)", glob)
    return "".join({"**": r"(?s:.*)", "*": r"[^/]*"}.get(part, re.escape(part)) for part in parts)


@dataclass(frozen=True, slots=True)
class _Glob:
    """A compiled glob; two are equal when their text is."""

    text: str
    _compiled: Any

    @classmethod
    def _compile(cls, text: str) -> Any:
        return re2.compile(_translate(text))

    def matches(self, value: str) -> bool:
        """Whether the whole of `value` matches."""
        return self._compiled.fullmatch(value) is not None
