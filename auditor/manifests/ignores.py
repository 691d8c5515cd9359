"""Comments that ask to ignore a finding, found where a YAML parser sees a comment: never inside a string or block scalar."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, cast

from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.model.ignore import Ignore
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Tree, Unreadable, expect

_WORDS: Final = re.compile(rb"#[ \t]*auditor[ \t]*:[ \t]*ignore")
_COMMENT: Final = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*auditor[ \t]*:[ \t]*ignore(?P<rest>.*)")
_RULES: Final = re.compile(r"\[(?P<rules>[a-z, \t-]*)\](?P<rest>(?:[ \t].*)?)")
_PAIR: Final = re.compile(r"""[ \t]*(?P<key>[a-z]+)=(?P<value>"[^"]*"|'[^']*'|[^\s"']\S*)(?=[ \t]|\Z)""")
_KEYS: Final = frozenset({"until", "reason", "owner"})


def ignores(tree: Tree, files: Iterable[str], limits: Limits = DEFAULT) -> tuple[Ignore, ...]:
    """The comments of these files, in file order. What cannot be read or does not parse has none."""
    wanted = sorted({path for path in files if _is_file(tree, path)})
    expect(tree, wanted)
    return tuple(found for path in wanted for found in _of_file(tree, path, limits))


def _is_file(tree: Tree, path: str) -> bool:
    entry = tree.entries().get(path)
    return entry is not None and entry.kind is EntryKind.FILE


def _of_file(tree: Tree, path: str, limits: Limits) -> Iterator[Ignore]:
    try:
        content = tree.read(path)
    except Unreadable:
        return
    if len(content) <= limits.file_bytes and _WORDS.search(content):
        yield from comments(content, path, limits)


def comments(content: bytes, path: str, limits: Limits = DEFAULT) -> Iterator[Ignore]:
    """The comments of one file; none where a document of it does not parse, because what is a comment is then not known."""
    documents = tuple(yaml.documents(content, path, limits=limits))
    if any(isinstance(each, yaml.Broken) for each in documents):
        return
    inside = [span for each in documents if not isinstance(each, yaml.Broken) for span in _spans(each)]
    for number, line in enumerate(content.decode("utf-8-sig", "replace").split("\n"), 1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        at = (number, match.start() + 1)
        if not any(start <= at < end for start, end in inside):
            alone = not line[: match.start()].strip()
            yield _read(match["rest"].rstrip("\r"), Place(path, *at), number + alone)


def _spans(document: yaml.RawNode) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where each scalar begins and ends: lines and columns from 1."""
    waiting, seen = [document], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.RawScalar):
            line = cast("yaml.Origin", node.start_mark.name).line + 1
            start, end = node.start_mark, node.end_mark
            yield (line + start.line, start.column + 1), (line + end.line, end.column + 1)
        elif isinstance(node, yaml.RawSequence):
            waiting += node.value
        elif isinstance(node, yaml.RawMapping):
            waiting += [part for pair in node.value for part in pair]


def _read(rest: str, place: Place, target: int) -> Ignore:
    """`[rule, …] until=2027-01-31 reason="…" owner=…`."""
    text = rest.strip()[: DEFAULT.text]
    match = _RULES.fullmatch(text)
    rules = tuple(dict.fromkeys(part.strip() for part in match["rules"].split(","))) if match else ()
    if match is None or not all(rules):
        return Ignore(place, target, text, mistake="it names no rule in brackets, as in ignore[unsigned-image]")
    said, why = _pairs(match["rest"].strip())
    day = _day(said.get("until", ""))
    reason = said.get("reason", "").strip()
    if why is None and day is None:
        why = "it has no until=2027-01-31" if "until" not in said else "its until is no day such as 2027-01-31"
    if why is None and not reason:
        why = 'it has no reason="…"'
    return Ignore(place, target, text, rules, day, reason, said.get("owner", "").strip() or "inline", why)


def _pairs(text: str) -> tuple[dict[str, str], str | None]:
    """What the comment says, and what is wrong with that."""
    said: dict[str, str] = {}
    done = 0
    while match := _PAIR.match(text, done):
        key, value = match["key"], match["value"]
        if key not in _KEYS or key in said:
            return said, f"{key}= is {'written twice' if key in said else 'not known'}"
        said[key] = value[1:-1] if value[0] in "\"'" else value
        done = match.end()
    return said, f"{text[done:].strip()[:80]!r} is not key=value" if text[done:].strip() else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2027-01-31") else None
    except ValueError:
        return None
