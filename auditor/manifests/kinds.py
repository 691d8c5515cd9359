"""Where images live in kinds that are no pod: the table of `rules/kinds/*.yaml`, and tables that the rules name.

A table is a list under `kinds:`; each entry has `kind`, `group` (empty for the core group, `*` for any) and `images`: paths
of keys with dots, `[]` for every element of a list, `*` for every key. A path leads to a text, to a map of
repository/tag/digest, or to a list of either. `policy: true` marks kinds whose image names are patterns or mirroring
lists: they deploy nothing. Documented for users in `docs/reference/kinds.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from auditor import rulebook
from auditor.errors import ConfigurationError, Problem
from auditor.manifests import nodes, yaml
from auditor.model.use import Sort

Path: TypeAlias = tuple[str, ...]
"""Keys, with `[]` for every element and `*` for every key."""

_KEYS: Final = frozenset({"kind", "group", "images", "artifacts", "models", "policy", "note"})
_SORTS: Final = (("images", Sort.IMAGE), ("artifacts", Sort.ARTIFACT), ("models", Sort.MODEL))
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\[\])*(?:\.(?:[A-Za-z0-9_/-]+|\*)(?:\[\])*)*")
_HELP: Final = "an entry has `kind`, `group`, and `images` (paths like `spec.engine.image` or `spec.steps[].image`)"


@dataclass(frozen=True, slots=True)
class Kind:
    """One entry: the paths that hold images, each with the sort of artifact. A policy kind has none."""

    kind: str
    group: str
    paths: tuple[tuple[Path, Sort], ...] = ()
    policy: bool = False


@dataclass(frozen=True, slots=True)
class Kinds:
    """The whole table. `keys` are the last keys of all paths; `identity` tells tables apart in a cache."""

    by_kind: Mapping[str, tuple[Kind, ...]]
    identity: str

    def find(self, kind: str, api_version: str) -> tuple[Kind, ...]:
        """The entries for an object of this kind and API version."""
        entries = self.by_kind.get(kind)
        if not entries:
            return ()
        group = api_version.rpartition("/")[0]
        return tuple(entry for entry in entries if entry.group in ("*", group))

    @property
    def words(self) -> frozenset[bytes]:
        """Lower-case last keys that do not contain `image`: the prefilter must let them pass."""
        found = set()
        for entries in self.by_kind.values():
            for path, _ in (pair for entry in entries for pair in entry.paths):
                last = next(step for step in reversed(path) if step != "[]").lower()
                if last == "*" or "image" not in last:
                    found.add(entries[0].kind.lower().encode())
        return frozenset(found)


def load(tables: Mapping[str, bytes]) -> Kinds:
    """The shipped table widened by `tables` (content by path). Raises ConfigurationError with every problem."""
    by_kind: dict[str, list[Kind]] = {}
    problems: list[Problem] = []
    for entry in (*_shipped(), *_read_all(tables, problems)):
        by_kind.setdefault(entry.kind, []).append(entry)
    if problems:
        raise ConfigurationError(tuple(problems))
    identity = "\0".join(f"{path}\0{content!r}" for path, content in sorted(tables.items()))
    return Kinds({kind: tuple(entries) for kind, entries in by_kind.items()}, identity)


@cache
def _shipped() -> tuple[Kind, ...]:
    problems: list[Problem] = []
    tables = {f"rules/kinds/{path.name}": path.read_bytes() for path in rulebook.files("kinds", ".yaml")}
    entries = tuple(_read_all(tables, problems))
    if problems:
        raise ConfigurationError(tuple(problems))
    return entries


def _read_all(tables: Mapping[str, bytes], problems: list[Problem]) -> Iterable[Kind]:
    for path, content in sorted(tables.items()):
        yield from read(path, content, problems)


def read(path: str, content: bytes, problems: list[Problem]) -> Iterable[Kind]:
    """The entries of one table; what is wrong with it is added to `problems`."""
    for document in yaml.documents(content, path):
        if isinstance(document, yaml.Broken):
            problems.append(Problem(path, document.line, f"not YAML: {document.why}", _HELP))
            continue
        top = yaml.full(document)
        if not isinstance(top, nodes.Mapping) or not isinstance(top.get("kinds"), nodes.Sequence):
            problems.append(Problem(path, 1, "a table of kinds is a mapping with a list `kinds`", _HELP))
            continue
        for item in top.items("kinds"):
            entry = _entry(path, item, problems)
            if entry:
                yield entry


def _entry(file: str, item: nodes.Node, problems: list[Problem]) -> Kind | None:
    if not isinstance(item, nodes.Mapping):
        problems.append(Problem(file, 0, "an entry of `kinds` must be a mapping", _HELP))
        return None
    found = list(_mistakes(item))
    problems.extend(Problem(file, item.line, message, _HELP) for message in found)
    if found:
        return None
    paths = tuple(
        (_steps(path.text), sort) for key, sort in _SORTS for path in item.items(key) if isinstance(path, nodes.Scalar)
    )
    return Kind(item.text("kind"), item.text("group"), paths, item.text("policy") == "true")


def _mistakes(item: nodes.Mapping) -> Iterable[str]:
    for key, _ in item.entries:
        if key not in _KEYS:
            yield f"unknown key {key!r}"
    if not item.text("kind"):
        yield "`kind` is missing"
    if not isinstance(item.get("group"), nodes.Scalar):
        yield "`group` is missing (write '' for the core group, '*' for any)"
    if item.text("policy") not in ("", "true", "false"):
        yield "`policy` is true or false"
    paths = [path for key, _ in _SORTS for path in item.items(key)]
    if not paths and item.text("policy") != "true":
        yield "no paths: say where the images are"
    for path in paths:
        if not isinstance(path, nodes.Scalar) or not _PATH.fullmatch(path.text):
            yield f"not a path: {path.text if isinstance(path, nodes.Scalar) else 'a mapping or list'!r}"


def _steps(path: str) -> Path:
    """`spec.steps[].image` → `("spec", "steps", "[]", "image")`."""
    return tuple(step for step in path.replace("[]", ".[]").split(".") if step)
