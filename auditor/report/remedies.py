"""The fix of an image as a difference to copy: the pin, or the way back to what was verified. Pure.

Only where the line is known to hold the whole reference or its tag; everything else says in words what to do.
"""

from __future__ import annotations

import json
import re
from typing import Final

from msgspec import Struct

from auditor.model.place import Place
from auditor.model.report import Image, Previous
from auditor.model.verdict import UNTRUSTED, Verdict
from auditor.report.view import Entry, Standing

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9._/:@-]*[A-Za-z0-9]")
"""What YAML reads as text without quotes, whatever its version."""
_KEY: Final = re.compile(r"(?:^|\.)(image|newTag)$")
_LOST: Final = UNTRUSTED | {Verdict.NOT_FOUND}


class Remedy(Struct, frozen=True):
    """Lines that go and lines that come, at a place. `what` is said above them, in our own words."""

    what: str
    place: Place
    gone: str
    come: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """The difference, with a header that names the file and the line."""
        file, line = self.place.file, self.place.line
        header = (f"--- a/{file}", f"+++ b/{file}", f"@@ -{line} +{line} @@ {self.what}")
        return (*header, f"-{self.gone}", *(f"+{text}" for text in self.come))


def remedy(entry: Entry) -> Remedy | None:
    """What to change in the file; None where the line is not known, or where no line of the tree mends it."""
    use = entry.first_use
    key = _KEY.search(use.use.place.key_path) if use and use.use.place.line else None
    if use is None or key is None or entry.standing not in {Standing.FAILS, Standing.WARNS}:
        return None
    image, place = entry.image, use.use.place
    if image.verdict in _LOST and image.previous and image.previous.verdict is Verdict.VERIFIED:
        return _back(image, image.previous, place, key[1])
    if image.verdict is Verdict.VERIFIED and image.digest and not image.pinned and _unpinned(entry):
        return _pin(image, place, key[1])
    return None


def _unpinned(entry: Entry) -> bool:
    return any(f.counts and f.rule in {"unpinned-image", "latest-tag"} for f in entry.findings)


def _pin(image: Image, place: Place, key: str) -> Remedy | None:
    what = "pin what was verified"
    if key == "image":
        return Remedy(what, place, _line(key, image.reference), (_line(key, f"{image.reference}@{image.digest}"),))
    if image.tag is None:
        return None
    return Remedy(what, place, _line(key, image.tag), (_line(key, image.tag), _line("digest", str(image.digest))))


def _back(image: Image, old: Previous, place: Place, key: str) -> Remedy | None:
    what = "back to what was verified"
    if key == "image":
        pinned = f"@{old.digest}" if old.digest and "@" not in old.reference else ""
        return Remedy(what, place, _line(key, image.reference), (_line(key, f"{old.reference}{pinned}"),))
    name = image.reference.partition("@")[0].rpartition(":")[0]
    tag = old.reference.removeprefix(f"{name}:")
    if image.tag is None or not name or tag == old.reference or "@" in tag:
        return None
    return Remedy(what, place, _line(key, image.tag), (_line(key, tag),))


def _line(key: str, value: str) -> str:
    """One entry of a mapping; quoted (JSON's quotes are YAML's) unless it is text to every reader."""
    return f"{key}: {value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=False)}"
