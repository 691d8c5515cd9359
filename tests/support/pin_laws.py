"""What must hold for pins, whatever the files are."""

from __future__ import annotations

import difflib
import re
from typing import Final

from auditor.edit.splice import Splice
from tests.support.pinning import Pinned
from tests.support.yaml_texts import leaves

DIGEST: Final = re.compile(r"@?(?:sha256:)?[0-9a-f]{64}")


def assert_lawful(done: Pinned) -> None:
    """Outside the insertions every byte is what it was; what is parsed differs only in pinned scalars and added entries."""
    for file, after in done.after.items():
        before = done.files[file]
        splices = done.plan.splices[file]
        assert _undone(before, after, splices) == before
        added = sum(b"name: " in each.text or b"newTag: " in each.text or b"digest: " in each.text for each in splices)
        old, new = leaves(before), leaves(after)
        if old is not None:
            assert new is not None, f"{file} parses no more"
            if not added:
                assert [path for path, _ in old] == [path for path, _ in new], file
                changed = [(a, b) for (_, a), (_, b) in zip(old, new, strict=True) if a != b]
                assert all(_is_pin(a, b) for a, b in changed), (file, changed[:3])


def _undone(before: bytes, after: bytes, splices: tuple[Splice, ...]) -> bytes:
    """The bytes after the edits with each of them undone. Nothing is replaced but a scalar, by itself in quotes with a digest."""
    parts, shift, done = [], 0, 0
    for each in splices:
        old = before[each.start : each.end]
        assert not old or re.fullmatch(b'"' + re.escape(old) + b'@sha256:[0-9a-f]{64}"', each.text), each
        at = each.start + shift
        assert after[at : at + len(each.text)] == each.text
        parts += [after[done:at], old]
        done = at + len(each.text)
        shift += len(each.text) - len(old)
    return b"".join([*parts, after[done:]])


def _is_pin(before: str, after: str) -> bool:
    """Whether a text became another only by digests that were put into it."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False) if len(after) < 2000 else None
    if matcher is None:
        return DIGEST.sub("", after) == DIGEST.sub("", before)
    inserted = [after[j1:j2] for tag, _, _, j1, j2 in matcher.get_opcodes() if tag != "equal"]
    return DIGEST.sub("", after) == DIGEST.sub("", before) and bool(inserted)
