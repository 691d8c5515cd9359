"""Files that git writes in another encoding than it keeps: what is deployed of them is not what a commit says.

`working-tree-encoding=UTF-16LE` makes a manifest of a text in which nobody sees one (gitattributes(5)): each two bytes of it are
kept as one character. Whoever deploys from a checkout gets the manifest. Filters are no such thing: a checkout runs only those
that its own configuration knows.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Final

from auditor.manifests.files import MANIFESTS, Reader
from auditor.manifests.kustomize.kustomization import NAMES
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Unreadable

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_FILE: Final = ".gitattributes"
_ATTRIBUTE: Final = b"working-tree-encoding"
_SAME: Final = re.compile(r"utf-?8", re.IGNORECASE)
_LINE: Final = re.compile(
    r'[ \t]*(?:\[attr\](?P<macro>\S+)|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<pattern>[^\s#]\S*))(?P<rest>.*)'
)
_DEPLOYED: Final = (*MANIFESTS, *NAMES, ".tpl", ".txt", ".env", ".json5", ".properties")
"""How the names end of what is deployed, and of what manifests are made of."""


def reencoded(reader: Reader, chosen: Container[str]) -> Iterator[Gap]:
    """A gap for each file that is deployed and may be written in another encoding, of those that are `chosen`."""
    files = (path for path in reader.files if path.endswith(_FILE) and posixpath.basename(path) == _FILE)
    told: set[str] = set()
    for file in files:
        try:
            content = reader.bytes_of(file)
        except (Unreadable, KeyError):
            continue  # git reads no attributes of what is no file of its own
        if _ATTRIBUTE not in content:
            continue
        directory = posixpath.dirname(file)
        for may_match in _patterns(content.decode("utf-8", "replace")):
            for path in _below(reader, directory):
                if path not in told and path in chosen and may_match(path[len(directory) + bool(directory) :]):
                    told.add(path)
                    yield _gap(path, file)


def _patterns(text: str) -> Iterator[Callable[[str], bool]]:
    """Tests of paths below the file's directory: those of the lines that name an encoding, or a macro that does."""
    macros: set[str] = set()
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None or not _encodes(match["rest"].split(), macros):
            continue
        if match["macro"]:
            macros.add(match["macro"])
        elif match["pattern"]:
            yield _matching(match["pattern"])
        else:
            yield _any  # escapes may spell any pattern


def _encodes(attributes: list[str], macros: set[str]) -> bool:
    for each in attributes:
        name, _, value = each.partition("=")
        if name in macros or (name == _ATTRIBUTE.decode() and value and not _SAME.fullmatch(value)):
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
