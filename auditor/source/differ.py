"""Which files differ between two trees of one repository."""

from __future__ import annotations

from auditor.source.tree import Tree


def differing(before: Tree, after: Tree) -> frozenset[str]:
    """Every path that only one of the two trees has, or whose content or kind differs."""
    old, new = before.entries(), after.entries()
    return frozenset(
        path
        for path in old.keys() | new.keys()
        if path not in old
        or path not in new
        or old[path].kind is not new[path].kind
        or before.content_id(path) != after.content_id(path)
    )
