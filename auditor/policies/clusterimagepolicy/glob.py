"""The glob dialect of ClusterImagePolicy (`pkg/apis/glob` of sigstore/policy-controller).

`*` is any run of characters except `/`, `**` any run at all; everything else is literal, `:` and `@` are no borders, and the
whole name must match. Two globs are rewritten: `*` means `index.docker.io/library/*`, `*/*` means `index.docker.io/*/*`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from auditor.config.names import InvalidPattern, compile_regex

_ALLOWED: Final = re.compile(r"[a-zA-Z0-9\-_:/*.@]+")
_REWRITTEN: Final = {"*": "index.docker.io/library/*", "*/*": "index.docker.io/*/*"}


@dataclass(frozen=True, slots=True)
class Glob:
    """One `spec.images[].glob`; `text` is as written."""

    text: str
    _program: Any = field(compare=False, repr=False)
    _start: str = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Glob:
        """Read a glob. Raises InvalidPattern where the admission webhook refuses it."""
        if not text:
            raise InvalidPattern("empty")
        if not _ALLOWED.fullmatch(text):
            raise InvalidPattern("holds a character other than letters, digits and - _ : / * . @")
        parts = _parts(text)
        return cls(text, compile_regex("".join(map(_translate, parts))), "" if parts[0].startswith("*") else parts[0])

    def matches(self, name: str) -> bool:
        """Whether the whole of a name matches, as go-containerregistry prints it."""
        # Most globs differ from most names in their first letters: asking RE2 costs ten times as much.
        return name.startswith(self._start) and _fits(self, name)

    def fits(self, name: str) -> bool:
        """The same without any memory."""
        return self._program.fullmatch(name) is not None

    @property
    def parts(self) -> list[str]:
        """What the glob means: `**`, `*`, and the literal texts between them."""
        return _parts(self.text)


@lru_cache(maxsize=65_536)  # fifty policies ask the same of one image
def _fits(glob: Glob, name: str) -> bool:
    return glob.fits(name)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"(\*\*|\*)", _REWRITTEN.get(text, text)) if part]


def _translate(part: str) -> str:
    return {"**": ".*", "*": "[^/]*"}.get(part, re.escape(part))
