"""Which kustomizations may name a path, told by their bytes: only those need be parsed to know whether they do.

A kustomization in `a/b` that leads to `a/c/d` by any text says `c` and `d` in it, whatever else: what the text does not say comes
from `a/b`. To lead to a directory above itself it may say nothing but dots. A part of a name that YAML never writes otherwise
(letters, digits, dots, dashes, underscores) stands in the bytes as it is, unless there is a backslash, a tag, a directive or
another encoding: where there is, any name may be meant. The same where a symlink is named, since it leads elsewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Final, TypeAlias

from auditor.manifests.reach.affected import UNNAMED
from auditor.manifests.text import plain

_SAFE: Final = re.compile(r"[A-Za-z0-9._-]+")
_WORD: Final = re.compile(_SAFE.pattern.encode())
_UPWARDS: Final = re.compile(rb"\.\.[/.]*(?![\w.\-/])")
"""The end of a path that ends in dots, and so leads to a directory above where it is written."""
_ODD: Final = re.compile(
    rb"\xc5\xbf|\xe2\x84\xaa|"
    + rb"|".join(
        rb"(?!%b)(?i:%b)" % (name.encode("ascii"), name.encode("ascii")) for name in (*UNNAMED, "replacements")
    )
)
"""A field of those in another case, which kustomize reads all the same; or one of the two letters that fold to ASCII's."""
_AFTER_ALL: Final = "\U0010ffff"
_MOST: Final = 256
"""Paths that are looked for: for more of them every kustomization is parsed, which costs no more."""
_Range: TypeAlias = tuple[int, int]


def searchable(content: bytes) -> bytes | None:
    """The bytes of a kustomization, to look for names in; None where a name, or one of `UNNAMED`, may be written otherwise."""
    return None if b"\\" in content or _ODD.search(content) or plain(content) is None else content


@lru_cache(1024)
def surest(name: str) -> bytes:
    """The longest part of a name that stands in the bytes as it is; empty where there is none."""
    return max(_SAFE.findall(name), key=len, default="").encode("ascii")


class Written:
    """What stands in every kustomization of a tree, by its directory. `links`: the symlinks of the tree."""

    def __init__(self, texts: Mapping[str, bytes | None], links: Iterable[str] = ()) -> None:
        pairs = sorted((_below(directory), directory) for directory in texts)
        self._keys = [key for key, _ in pairs]
        self.directories = [directory for _, directory in pairs]
        self._texts = [texts[directory] or b"" for directory in self.directories]
        self._joined = b"\0".join(self._texts)
        self._starts = [0, *accumulate(len(text) + 1 for text in self._texts)]
        self._all = (0, len(pairs))
        self._upwards = [index for index in self._meet(_UPWARDS) if b".." in self._texts[index]]
        self._unsure = {directory for directory in texts if texts[directory] is None}
        for word in {surest(link.rpartition("/")[2]) for link in links}:
            self._unsure.update(self._named(self._holding(word, self._all)))

    def holding(self, words: Iterable[str]) -> set[str]:
        """The directories of kustomizations that may say one of the words, or names."""
        found = (index for word in words for index in self._holding(surest(word), self._all))
        return self._unsure.union(self._named(found))

    def unnamed(self) -> set[str]:
        """The directories of kustomizations that may load what they do not name."""
        return self.holding(UNNAMED)

    def naming(self, paths: Iterable[str]) -> set[str]:
        """The directories of kustomizations that may name one of the paths, other than their own directory."""
        wanted = frozenset(paths)
        if len(wanted) > _MOST:
            return set(self.directories)
        return self._unsure.union(*(self._named(self._leading(path)) for path in wanted))

    def says(self, directory: str, name: str) -> bool:
        """Whether the kustomization of a directory may name something of this name."""
        text = self._texts[bisect_left(self._keys, _below(directory))]
        return surest(name) in text or directory in self._unsure

    def texts(self) -> Iterator[tuple[str, bytes | None]]:
        """What stands in each kustomization, by its directory; None where any name may be meant."""
        for directory, text in zip(self.directories, self._texts, strict=True):
            yield directory, None if directory in self._unsure else text

    @cached_property
    def words(self) -> frozenset[bytes]:
        """Every part of a name in kustomizations that are sure of theirs: whatever `surest` gives of a name that one says."""
        return frozenset(_WORD.findall(self._joined)) | {b""}

    def is_unsure(self, directory: str) -> bool:
        """Whether any name may be meant there."""
        return directory in self._unsure

    def _leading(self, path: str) -> Iterator[int]:
        """Those that may lead to a path: from outside by all of its names from where the ways part, from below by dots."""
        parts = [] if path == "." else path.split("/")
        words = [surest(part) for part in parts]
        outer = self._all
        for depth, word in enumerate(words):
            inner = self._range("/".join(parts[: depth + 1]))
            for segment in ((outer[0], inner[0]), (inner[1], outer[1])):
                for index in self._holding(word, segment):
                    if all(each in self._texts[index] for each in words[depth + 1 :]):
                        yield index
            outer = inner
        if words:
            yield from self._holding(words[-1], outer)
        first, last = (bisect_left(self._upwards, end) for end in outer)
        for index in self._upwards[first:last]:
            if self._texts[index].count(b"..") >= self._keys[index].count("/") - len(parts):
                yield index

    def _range(self, directory: str) -> _Range:
        """Those in a directory and below it."""
        return bisect_left(self._keys, f"{directory}/"), bisect_left(self._keys, f"{directory}/{_AFTER_ALL}")

    def _holding(self, word: bytes, within: _Range) -> Iterator[int]:
        """Those that hold a word, in order."""
        if not word:
            yield from range(*within)
            return
        position, end = self._starts[within[0]], self._starts[within[1]]
        while (position := self._joined.find(word, position, end)) >= 0:
            index = bisect_right(self._starts, position) - 1
            yield index
            position = self._starts[index + 1]

    def _meet(self, pattern: re.Pattern[bytes]) -> list[int]:
        return list(
            dict.fromkeys(bisect_right(self._starts, one.start()) - 1 for one in pattern.finditer(self._joined))
        )

    def _named(self, indices: Iterable[int]) -> Iterator[str]:
        return (self.directories[index] for index in indices)


def _below(directory: str) -> str:
    """What the paths below a directory begin with."""
    return "" if directory == "." else f"{directory}/"
