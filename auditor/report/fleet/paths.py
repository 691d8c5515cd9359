"""Names of files for things that are named by others."""

from __future__ import annotations

import hashlib
import re
from typing import Final

_UNSAFE: Final = re.compile(r"[^a-z0-9]+")
_READABLE: Final = 60


def file_stem(name: str) -> str:
    """A file's name without its ending, for a name of any characters: readable, and with twelve digits of the name's SHA-256.

    Lower case, so that no two are one on a disk that ignores case; never empty, hidden, a device's name or a way up. In UTF-16
    two lone surrogates are the character that JSON makes of them: a name that went through a file keeps its page.
    """
    digits = hashlib.sha256(name.encode("utf-16-le", "surrogatepass")).hexdigest()[:12]
    readable = _UNSAFE.sub("-", name.lower()).strip("-")[:_READABLE].rstrip("-")
    return f"{readable or 'x'}-{digits}"
