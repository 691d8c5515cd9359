"""Refs that signatures were made on → the narrowest patterns that the next release still satisfies.

A tag belongs to one release, so the version in it is left open: `refs/tags/v1.2.0` becomes `refs/tags/v*`, `refs/tags/api/v1`
becomes `refs/tags/api/v*`. A branch stays itself; several release branches that differ in a version only become one pattern.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_SAFE: Final = re.compile(r"[A-Za-z0-9_./+#=,%-]{1,200}")
"""Characters of refs that mean themselves in a glob, in YAML quotes, and on a terminal."""
_VERSION: Final = re.compile(r"(?P<before>(?:.*?[/_-])?v?)[0-9][^/]*", re.IGNORECASE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAGS: Final = "refs/tags/"
_HEADS: Final = "refs/heads/"


def ref_patterns(refs: Iterable[str]) -> tuple[str, ...] | None:
    """Globs, at least one, that all `refs` satisfy; None where one of them cannot be written as a literal."""
    found = sorted(set(refs))
    if not found or not all(_SAFE.fullmatch(ref) for ref in found):
        return None
    tags = [ref.removeprefix(_TAGS) for ref in found if ref.startswith(_TAGS)]
    heads = [ref.removeprefix(_HEADS) for ref in found if ref.startswith(_HEADS)]
    others = [ref for ref in found if not ref.startswith((_TAGS, _HEADS))]
    patterns = [f"{_TAGS}{each}" for each in _tags(tags)]
    patterns += [f"{_HEADS}{each}" for each in _branches(heads)]
    return (*patterns, *others)


def is_commit(ref: str) -> bool:
    """Whether a reusable workflow was called by a commit: the next caller names another one."""
    return bool(_COMMIT.fullmatch(ref))


def _tags(tags: list[str]) -> list[str]:
    """One pattern for each way of writing versions; all names where a tag holds no version."""
    opened = {_opened(tag) for tag in tags}
    if None in opened:
        return ["**" if any("/" in tag for tag in tags) else "*"]
    return sorted(each for each in opened if each is not None)


def _branches(branches: list[str]) -> list[str]:
    """Branches by name; those that differ in their version only, as one pattern."""
    patterns: list[str] = []
    for branch in branches:
        opened = _opened(branch)
        alike = [each for each in branches if opened is not None and _opened(each) == opened]
        patterns.append(opened if opened is not None and len(alike) > 1 else branch)
    return list(dict.fromkeys(patterns))


def _opened(name: str) -> str | None:
    found = _VERSION.fullmatch(name)
    return f"{found['before']}*" if found else None
