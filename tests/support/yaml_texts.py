"""Other readers of YAML, to check edits with: ruamel.yaml, and for what would take it minutes PyYAML."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError, YAMLWarning

Leaf: TypeAlias = tuple[tuple[Any, ...], str]
_LARGE: Final = 128 * 1024
"""Bytes: ruamel.yaml reads half a megabyte in a second."""


def leaves(content: bytes) -> list[Leaf] | None:
    """The path and text of each scalar of every document, aliases followed; None where the file is not read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", YAMLWarning)
            return [leaf for number, each in enumerate(_documents(content)) for leaf in _below(each, (number,), 0)]
    except (
        yaml.YAMLError,
        YAMLError,
        RecursionError,
        ValueError,
        LookupError,
        AssertionError,
        AttributeError,
        TypeError,
    ):
        return None  # ruamel.yaml answers some malformed input with the accident that it met


def _documents(content: bytes) -> Iterator[Any]:
    if len(content) > _LARGE:
        yield from yaml.compose_all(content, Loader=yaml.CSafeLoader)
        return
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    yield from reader.compose_all(io.BytesIO(content))


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
