"""Where images live in kinds that are no pod: the table of `rules/kinds/*.yaml`, and tables that the rules name.

A table is a list under `kinds:`; each entry has `kind`, `group` (empty for the core group, `*` for any) and `images`: paths
of keys with dots, `[]` for every element of a list, `*` for every key. A path leads to a text, to a map of
repository/tag/digest, or to a list of either. `policy: true` marks kinds whose image names are patterns or mirroring
lists: they deploy nothing. Documented for users in `docs/reference/kinds.md`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final, TypeAlias

from msgspec import Struct

from auditor import rulebook
from auditor.errors import ConfigurationError, Problem
from auditor.manifests import nodes, yaml
from auditor.manifests.extract.defaults import Default
from auditor.manifests.extract.said import Trail
from auditor.model.use import Sort

Path: TypeAlias = tuple[str, ...]
"""Keys, with `[]` for every element and `*` for every key."""

_KEYS: Final = frozenset(
    {"kind", "group", "images", "artifacts", "models", "tag", "ignore", "defaults", "policy", "note"}
)
_DEFAULT_KEYS: Final = frozenset({"image", "unless", "when", "note", "source", "written"})
_SORTS: Final = (("images", Sort.IMAGE), ("artifacts", Sort.ARTIFACT), ("models", Sort.MODEL))
_PATH: Final = re.compile(r"(?:[A-Za-z0-9_/-]+|\*)(?:\[\])*(?:\.(?:[A-Za-z0-9_/-]+|\*)(?:\[\])*)*")
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_HELP: Final = "an entry has `kind`, `group`, and `images` (paths like `spec.engine.image` or `spec.steps[].image`)"


class Kind(Struct, frozen=True):
    """One entry: the paths that hold images, each with the sort of artifact. A policy kind has none."""

    kind: str
    group: str
    paths: tuple[tuple[Path, Sort], ...] = ()
    policy: bool = False
    tag: str = ""
    """The field that tags the images that have no tag."""
    ignored: tuple[Path, ...] = ()
    """Paths to names that nothing deploys: where a build pushes to."""
    defaults: tuple[Default, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields besides the paths that decide about images."""
        made = (field for default in self.defaults for field in (*default.fields(), *default.unless, default.when))
        return tuple(field for field in (self.tag, *made) if field)


class Kinds(Struct, frozen=True):
    """The whole table. `keys` are the last keys of all paths; `identity` tells tables apart in a cache."""

    by_kind: Mapping[str, tuple[Kind, ...]]
    identity: str

    def find(self, kind: str, api_version: str) -> tuple[Kind, ...]:
        """The entries for an object of this kind and API version."""
        entries = (*self.by_kind.get(kind, ()), *self.by_kind.get("*", ()))
        group = api_version.rpartition("/")[0]
        return tuple(entry for entry in entries if entry.group in ("*", group))

    @property
    def words(self) -> frozenset[tuple[bytes, ...]]:
        """Lower-case words that are all in each object whose images stand under keys that do not say image.

        For the prefilter: its group and its kind, as far as they are known.
        """
        entries = (entry for listed in self.by_kind.values() for entry in listed)
        return frozenset(
            _word(entry) for entry in entries if entry.defaults or any(_is_hidden(path) for path, _ in entry.paths)
        )

    def making(self, names: frozenset[bytes]) -> frozenset[tuple[bytes, ...]]:
        """Words that are all in each object of which this table knows images that it does not name.

        Only those whose image may have one of the `names` (the last part). The group stands as an object says it, before
        the version: what only defines the kind says it otherwise.
        """
        small = frozenset(name.lower() for name in names)
        entries = (
            entry
            for listed in self.by_kind.values()
            for entry in listed
            if any(default.may_be(small) for default in entry.defaults)
        )
        words = (("" if entry.group in ("", "*") else f"{entry.group}/", entry.kind.strip("*")) for entry in entries)
        return frozenset(tuple(word.encode() for word in each if word) for each in words)


def _word(entry: Kind) -> tuple[bytes, ...]:
    return tuple(word.lower().encode() for word in (entry.group, entry.kind) if word not in ("", "*"))


def _is_hidden(path: Path) -> bool:
    last = next(step for step in reversed(path) if step != "[]").lower()
    return last == "*" or "image" not in last


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
    ignored = tuple(_steps(path.text) for path in item.items("ignore") if isinstance(path, nodes.Scalar))
    defaults = tuple(_default(each) for each in item.items("defaults") if isinstance(each, nodes.Mapping))
    policy = item.text("policy") == "true"
    return Kind(item.text("kind"), item.text("group"), paths, policy, item.text("tag"), ignored, defaults)


def _default(item: nodes.Mapping) -> Default:
    unless = tuple(path.text for path in item.items("unless") if isinstance(path, nodes.Scalar))
    return Default(item.text("image"), item.text("note"), unless, item.text("when"))


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
    if item.get("tag") is not None and not _FIELD.fullmatch(item.text("tag")):
        yield f"`tag` is no field: {item.text('tag')!r}"
    yield from _path_mistakes(item)


def _path_mistakes(item: nodes.Mapping) -> Iterable[str]:
    paths = [path for key in (*(key for key, _ in _SORTS), "ignore") for path in item.items(key)]
    if not paths and not item.items("defaults") and item.text("policy") != "true":
        yield "no paths: say where the images are"
    for path in paths:
        if not isinstance(path, nodes.Scalar) or not _PATH.fullmatch(path.text):
            yield f"not a path: {path.text if isinstance(path, nodes.Scalar) else 'a mapping or list'!r}"
    for default in item.items("defaults"):
        yield from _default_mistakes(default)


def _default_mistakes(item: nodes.Node) -> Iterable[str]:
    if not isinstance(item, nodes.Mapping) or not item.text("image"):
        yield "an entry of `defaults` is a mapping with `image` (fields in braces: `acme/engine:{spec.version}`)"
        return
    for key, _ in item.entries:
        if key not in _DEFAULT_KEYS:
            yield f"unknown key {key!r} in `defaults`"
    fields = [*(each for each in item.items("unless")), *([when] if (when := item.scalar("when")) else [])]
    for field in fields:
        if not isinstance(field, nodes.Scalar) or not _FIELD.fullmatch(field.text):
            yield "`unless` and `when` name fields, like `spec.image`"


def _steps(path: str) -> Path:
    """`spec.steps[].image` → `("spec", "steps", "[]", "image")`."""
    return tuple(step for step in path.replace("[]", ".[]").split(".") if step)


def reached(node: nodes.Node, path: Path, trail: Trail) -> Iterator[tuple[nodes.Node, Trail]]:
    """Everything that a path of the table leads to."""
    if not path:
        yield node, trail
        return
    step, rest = path[0], path[1:]
    if step == "[]":
        for index, item in enumerate(node.items if isinstance(node, nodes.Sequence) else []):
            yield from reached(item, rest, (*trail, index))
    elif isinstance(node, nodes.Mapping):
        if step == "name" and trail[-1:] == ("from",) and node.text("kind") != "DockerImage":
            return
        for key, value in node.entries:
            if step in ("*", key):
                yield from reached(value, rest, (*trail, key))
