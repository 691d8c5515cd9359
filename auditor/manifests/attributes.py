"""Files that git writes in another encoding than it keeps: what is deployed of them is not what a commit says.

`working-tree-encoding=UTF-16LE` makes a manifest of a text in which nobody sees one (gitattributes(5)): each two bytes of it are
kept as one character. Whoever deploys from a checkout gets the manifest. Filters are no such thing: a checkout runs only those
that its own configuration knows.
"""

from __future__ import annotations

import contextlib
import posixpath
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Container, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from auditor.manifests.files import MANIFESTS, Reader
from auditor.manifests.kustomize.kustomization import NAMES
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Unreadable

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_FILE: Final = ".gitattributes"
_ATTRIBUTE: Final = "working-tree-encoding"
_SAME: Final = re.compile(r"utf-?8", re.IGNORECASE)
_LINE: Final = re.compile(
    r'[ \t\r]*(?:\[attr\](?P<macro>[^ \t\r]+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<pattern>[^ \t\r#][^ \t\r]*))(?P<rest>.*)',
    re.DOTALL,
)
"""A line as git divides it (attr.c): what else Unicode takes for space or for the end of a line is a part of a name."""
_DEPLOYED: Final = (*MANIFESTS, *NAMES, ".tpl", ".txt", ".env", ".json5", ".properties")
"""How the names end of what is deployed, and of what manifests are made of."""


def reencoded(reader: Reader, chosen: Container[str]) -> Iterator[Gap]:
    """A gap for each file that is deployed and may be written in another encoding, of those that are `chosen`."""
    texts = dict(_texts(reader))
    if not any(_ATTRIBUTE in text for text in texts.values()):
        return
    lines = {file: [match for match in map(_LINE.match, text.split("\n")) if match] for file, text in texts.items()}
    macros = _macros(match for each in lines.values() for match in each)
    told: set[str] = set()
    for file, each in lines.items():
        directory = posixpath.dirname(file)
        for may_match in _patterns(each, macros):
            for path in _below(reader, directory):
                if path not in told and path in chosen and may_match(path[len(directory) + bool(directory) :]):
                    told.add(path)
                    yield _gap(path, file)


def _texts(reader: Reader) -> Iterator[tuple[str, str]]:
    """Each file of attributes."""
    for file in reader.files:
        if file.endswith(_FILE) and posixpath.basename(file) == _FILE:
            # Git reads no attributes of what is no file of its own.
            with contextlib.suppress(Unreadable, KeyError):
                yield file, reader.bytes_of(file).removeprefix(BOM_UTF8).decode("utf-8", "replace")


def _macros(lines: Iterable[re.Match[str]]) -> frozenset[str]:
    """Attributes that stand for an encoding, in whichever file: git knows those of the top in all directories."""
    made = [(match["macro"], match["rest"].split()) for match in lines if match["macro"]]
    found: frozenset[str] = frozenset()
    while more := {name for name, rest in made if name not in found and _encodes(rest, found)}:
        found |= more
    return found


def _patterns(lines: Iterable[re.Match[str]], macros: Container[str]) -> Iterator[Callable[[str], bool]]:
    """Tests of paths below the file's directory: those of the lines that name an encoding, or a macro that does."""
    for match in lines:
        if match["macro"] or not _encodes(match["rest"].split(), macros):
            continue
        yield _matching(match["pattern"]) if match["pattern"] else _any  # escapes may spell any pattern


def _encodes(attributes: list[str], macros: Container[str]) -> bool:
    for each in attributes:
        name, _, value = each.partition("=")
        if name in macros or (name == _ATTRIBUTE and value and not _SAME.fullmatch(value)):
            return True
    return False


def _matching(pattern: str) -> Callable[[str], bool]:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - thirty modules that few trees need

    try:
        spec: GitIgnoreSpec = GitIgnoreSpec.from_lines([pattern.removeprefix("!")])
    except ValueError:
        return _any

    def match(path: str) -> bool:
        return spec.match_file(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

    return match


def _any(_path: str) -> bool:
    return True


def _below(reader: Reader, directory: str) -> Iterator[str]:
    start = f"{directory}/" if directory else ""
    for path, entry in reader.files.items():
        if path.startswith(start) and path.lower().endswith(_DEPLOYED_FOLDED) and entry.kind is EntryKind.FILE:
            yield path


_DEPLOYED_FOLDED: Final = tuple(name.lower() for name in _DEPLOYED)


def _gap(path: str, file: str) -> Gap:
    return Gap(
        Place(path),
        "encoded file",
        f"{file} has git write it in another encoding: what is deployed of it is not what the commit says",
        rule="unparsable-file",
        help=f"keep it in UTF-8, and take `working-tree-encoding` of it out of {file}",
    )
