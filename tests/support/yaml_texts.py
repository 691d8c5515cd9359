"""A second reader of YAML, to check edits with: what ruamel.yaml constructs of each document."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning

Leaf: TypeAlias = tuple[tuple[Any, ...], str]


def leaves(content: bytes) -> list[Leaf] | None:
    """The path and text of each scalar of every document, aliases followed; None where the file is not read."""
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)
            return [
                leaf
                for number, document in enumerate(reader.compose_all(io.BytesIO(content)))
                for leaf in _below(document, (number,), 0)
            ]
    except (YAMLError, RecursionError, ValueError, LookupError, AssertionError, AttributeError, TypeError):
        return None  # ruamel.yaml answers some malformed input with the accident that it met


def _below(node: Any, path: tuple[Any, ...], depth: int) -> Iterator[Leaf]:
    if node is None or depth > 60:
        return
    if isinstance(node.value, str):
        yield path, node.value
        return
    for index, item in enumerate(node.value):
        if isinstance(item, tuple):
            yield (*path, index, "key"), str(item[0].value)
            yield from _below(item[1], (*path, index), depth + 1)
        else:
            yield from _below(item, (*path, index), depth + 1)
