"""A change of bytes as a diff that `git apply` takes.

The edits are known, so nothing is searched: a file of any size costs the time to copy it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from auditor.edit.splice import Splice, ordered, spliced

_CONTEXT: Final = 3
_ESCAPES: Final = {ord('"'): '\\"', ord("\\"): "\\\\", 9: "\\t", 10: "\\n", 13: "\\r"}


class _Hunk(Struct, frozen=True):
    """Lines `start` to `end` (from 0, end excluded) of the old text become `lines`."""

    start: int
    end: int
    lines: tuple[bytes, ...]


def unified(path: str, before: bytes | None, splices: Iterable[Splice]) -> bytes:
    """The diff of one file; `before` None: it is new. Empty where nothing changes."""
    edits, content = ordered(splices), before or b""
    if spliced(content, edits) == content:  # several edits may undo each other
        return b""
    old = _lines(content)
    hunks = [each for each in _hunks(content, old, edits) if tuple(old[each.start : each.end]) != each.lines]
    left, right = quoted(f"a/{path}"), quoted(f"b/{path}")
    head = b"diff --git " + left + b" " + right + b"\n"
    head += b"new file mode 100644\n--- /dev/null\n" if before is None else b"--- " + left + _tab(path) + b"\n"
    return head + b"+++ " + right + _tab(path) + b"\n" + b"".join(_written(old, hunks))


def whole(path: str, before: bytes | None, after: bytes) -> bytes:
    """The diff of a file that is written anew: one hunk without the lines that both begin and end with."""
    old, new = _lines(before or b""), _lines(after)
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - start
    same = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    begin = sum(map(len, old[:start]))
    end = sum(map(len, old[: len(old) - same]))
    return unified(path, before, [Splice(begin, end, b"".join(new[start : len(new) - same]))])


def quoted(path: str) -> bytes:
    """A path as git writes it: in quotes with escapes where it holds a control character, quote, backslash, or no ASCII."""
    raw = path.encode("utf-8", "surrogateescape")
    if all(0x20 <= byte < 0x7F and byte not in (0x22, 0x5C) for byte in raw):
        return raw
    text = "".join(_ESCAPES.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in raw)
    return f'"{text}"'.encode()


def _tab(path: str) -> bytes:
    """Git ends a name that holds a space with a tab, so that it is not taken for a date."""
    return b"\t" if " " in path and quoted(path)[:1] != b'"' else b""


def _lines(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _hunks(content: bytes, old: list[bytes], edits: list[Splice]) -> Iterator[_Hunk]:
    """Edits of the same line make one change."""
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    number, waiting = 0, list(edits)
    while waiting:
        group = [waiting.pop(0)]
        first = group[0]
        while number < len(old) and _is_before(starts[number + 1], old[number], first):
            number += 1
        begin = starts[number]
        if first.start == first.end == begin and first.text.endswith(b"\n"):
            yield _Hunk(number, number, tuple(_lines(first.text)))
            continue
        end = min(number + 1, len(old))
        while True:
            while end < len(old) and starts[end] < group[-1].end:
                end += 1
            if not waiting or waiting[0].start >= starts[end]:
                break
            group.append(waiting.pop(0))
        moved = [Splice(each.start - begin, each.end - begin, each.text) for each in group]
        yield _Hunk(number, end, tuple(_lines(spliced(content[begin : starts[end]], moved))))
        number = end


def _is_before(end: int, line: bytes, edit: Splice) -> bool:
    """Whether a line that ends there is over before an edit; one without a line end is continued by what follows it."""
    return end < edit.start or (end == edit.start and line.endswith(b"\n"))


def _written(old: list[bytes], hunks: list[_Hunk]) -> Iterator[bytes]:
    """Changes that are near each other share their context."""
    shift = 0
    while hunks:
        together = [hunks.pop(0)]
        while hunks and hunks[0].start - together[-1].end <= 2 * _CONTEXT:
            together.append(hunks.pop(0))
        first = max(0, together[0].start - _CONTEXT)
        last = min(len(old), together[-1].end + _CONTEXT)
        grown = sum(len(each.lines) - (each.end - each.start) for each in together)
        count = last - first
        yield b"@@ -%s +%s @@\n" % (_range(first, count), _range(first + shift, count + grown))
        done = first
        for each in together:
            yield from (_line(b" ", line) for line in old[done : each.start])
            yield from (_line(b"-", line) for line in old[each.start : each.end])
            yield from (_line(b"+", line) for line in each.lines)
            done = each.end
        yield from (_line(b" ", line) for line in old[done:last])
        shift += grown


def _range(first: int, count: int) -> bytes:
    return b"%d,%d" % (first + 1 if count else first, count)


def _line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"
