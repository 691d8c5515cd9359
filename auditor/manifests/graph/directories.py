"""What of a directory is applied where it holds no kustomization."""

from __future__ import annotations

import posixpath
import re
from typing import Any, Final

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.files import MANIFESTS, OutOfTree, Reader
from auditor.manifests.kustomize.kustomization import NAMES, find
from auditor.source.tree import EntryKind

_FLUX: Final = (".yaml", ".yml")
_IGNORED: Final = re.compile(
    r"(?:^|/)(?:\.git|\.github|\.circleci)/|(?:^|/)(?:\.sops\.yaml|\.travis\.yml|\.gitlab-ci\.yml|\.drone\.yml|\.flux\.yaml)$"
)
"""Left out by Flux's source-controller whatever `.sourceignore` says. What that leaves out besides is read all the same."""


def has_kustomization(reader: Reader, directory: str) -> bool:
    """Whether kustomize would take the directory. A link out of the tree is for whoever builds it."""
    try:
        return find(reader, directory) is not None
    except OutOfTree:
        return True


def generated(reader: Reader, directory: str) -> tuple[str, ...]:
    """The resources of the kustomization that Flux writes for a directory: all below, kustomizations as a whole.

    Source: github.com/fluxcd/pkg/kustomize, Generator.generateKustomization.
    """
    found: list[str] = []
    inside = ""
    for path in reader.below(directory):
        if inside and path.startswith(inside):
            continue
        holder = _holder(reader, directory, path)
        if holder is not None:
            found.append(holder)
            inside = f"{holder}/"
        elif path.lower().endswith(_FLUX) and _is_file(reader, path) and not _IGNORED.search(path):
            found.append(path)
    return tuple(found)


def _holder(reader: Reader, top: str, path: str) -> str | None:
    """The first directory below `top`, on the way to a path, that has a kustomization."""
    start = "" if top == "." else f"{top}/"
    parts = path[len(start) :].split("/")[:-1]
    for count in range(1, len(parts) + 1):
        here = start + "/".join(parts[:count])
        if any(f"{here}/{name}" in reader.files for name in NAMES):
            return here
    return None


def listed(reader: Reader, directory: str, *, recurse: bool, include: str, exclude: str) -> tuple[str, ...]:
    """The manifests that Argo CD applies of a directory. Source: reposerver/repository, findManifests."""
    start = "" if directory == "." else f"{directory}/"
    try:
        wanted, refused = (_glob(text) if text else None for text in (include, exclude))
    except InvalidPattern:  # too large a program: everything is read
        wanted = refused = None
    found: list[str] = []
    for path in reader.below(directory):
        name = path[len(start) :]
        if not path.lower().endswith(MANIFESTS) or not _is_file(reader, path) or ("/" in name and not recurse):
            continue
        if (wanted is None or wanted.fullmatch(name)) and not (refused and refused.fullmatch(name)):
            found.append(path)
    return tuple(found)


def jsonnet(reader: Reader, directory: str, *, recurse: bool) -> str | None:
    """The first program among the manifests of a directory: Argo CD runs it. `include` and `exclude` are left aside."""
    start = "" if directory == "." else f"{directory}/"
    names = (path[len(start) :] for path in reader.below(directory) if path.endswith(".jsonnet"))
    return next((f"{start}{name}" for name in names if recurse or "/" not in name), None)


def _is_file(reader: Reader, path: str) -> bool:
    return reader.files[path].kind is not EntryKind.SUBMODULE


def _glob(text: str) -> Any:
    """A pattern in which `*` crosses slashes and `{a,b}` means one of them; what else is special is literal."""
    made, depth = "", 0
    for character in text:
        match character:
            case "*":
                made += ".*"
            case "?":
                made += "."
            case "{":
                made, depth = made + "(?:", depth + 1
            case "}" if depth:
                made, depth = made + ")", depth - 1
            case "," if depth:
                made += "|"
            case _:
                made += re.escape(character)
    return compile_regex(made + ")" * depth)


def normal(written: str) -> str | None:
    """A path of a source as a directory of its tree; None for one that leads out."""
    path = posixpath.normpath(posixpath.join(".", written.strip().lstrip("/")))
    return None if path == ".." or path.startswith("../") else path
