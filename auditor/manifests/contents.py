"""The text of one file → its objects, and what could not be read."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.manifests.extract.found import Found
from auditor.manifests.nodes import Node, Scalar, expanded
from auditor.manifests.objects import SEVERAL, Object, objects
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import is_reference, is_template, lines_with_image
from auditor.manifests.whole import WHOLE
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Confidence

_YTT: Final = re.compile(
    rb"#@(?:[ \t]*(?:load\(|data\.values|(?:if|for|def|end)\b)|data/values|overlay/|schema/|library/)", re.ASCII
)
"""What ytt reads in comments: it makes other manifests of these (carvel.dev/ytt/docs)."""


_MERGED: Final = "readers differ about a merge key (`<<`) below a key that it brings too"
_TWICE: Final = "readers differ about an object that says two kinds"
_JSON: Final = re.compile(rb'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*(?s:.*?)\*/')
"""Texts and comments of JSON with comments."""
_BLANK: Final = re.compile(rb"[^\n]")
_MARKER: Final = re.compile(rb"(?:\A|[\r\n])(?:---|\.\.\.)")
"""Where a document of YAML may begin or end."""


class Contents(Struct, frozen=True):
    """What one file holds: objects that may matter, references in text no parser takes, and what could not be read."""

    objects: tuple[Object, ...] = ()
    lines: tuple[Found, ...] = ()
    gaps: tuple[Gap, ...] = ()
    skipped: bool = False
    """The prefilter refused a document: it holds no image, but a patch may be meant for its object."""


def complete(
    content: bytes, path: str, origin: yaml.Origin | None, limits: Limits = DEFAULT
) -> tuple[Node | yaml.Broken, ...]:
    """Every document of a text as nodes, nothing pruned."""
    found: list[Node | yaml.Broken] = []
    # Without an alias no node is there twice, and each takes a character at least: nobody has to count.
    counted = b"*" in content or len(content) >= limits.object_nodes
    for raw in yaml.documents(content, path, origin=origin, limits=limits):
        if isinstance(raw, yaml.Broken):
            found.append(raw)
            continue
        descent = yaml.Descent(limits)
        try:
            node = yaml.full(raw, descent)
            if counted:
                _check_size(node, limits)
        except yaml.Tangled as error:
            found.append(yaml.Broken(raw.start_mark.line + 1, str(error), 0, b""))
        else:
            # Before it, so that whoever takes the first document of a file is told.
            found.extend(yaml.Broken(line, _MERGED, 0, b"") for line in descent.doubts[:1])
            found.append(node)
    return tuple(found)


Pieces: TypeAlias = dict[tuple[int, bytes], Contents]
"""What chunks of a file hold, by their first line and their bytes."""


def read_contents(content: bytes, path: str, pruner: Pruner, known: Pieces | None = None) -> Contents:
    """The objects of a text that may matter, and what could not be read.

    `known`: of other versions of the file, read with an equal pruner. What is new here is added to it.
    """
    found = _read(content, path, pruner, known)
    if found.gaps and path.lower().endswith(".json") and _is_no_yaml(content, path, pruner.limits):
        # Settings of editors and the like: nothing of Kubernetes takes JSON with comments.
        plain = _without_comments(content)
        again = _read(plain, path, pruner, None) if plain != content else found
        return found if again.gaps else again
    return found


def _is_no_yaml(content: bytes, path: str, limits: Limits) -> bool:
    """Whether it is one document, which no reader takes: in YAML slashes begin words, and what follows them counts."""
    if _MARKER.search(content):
        return False
    chunks = list(yaml.chunks(content, yaml.Origin(path), limits))
    return all(not isinstance(chunk, yaml.Broken) for chunk in chunks) and all(
        isinstance(raw, yaml.Broken)
        for chunk in chunks
        if not isinstance(chunk, yaml.Broken)
        for raw in yaml.composed(chunk)
    )


def _without_comments(content: bytes) -> bytes:
    """JSON with spaces for its comments, so that each text stays where it stands."""
    return _JSON.sub(lambda match: match[0] if match[0].startswith(b'"') else _BLANK.sub(b" ", match[0]), content)


def _read(content: bytes, path: str, pruner: Pruner, known: Pieces | None) -> Contents:
    pieces = [Contents(gaps=tuple(_templates(content, path)))]
    for chunk in yaml.chunks(content, yaml.Origin(path), pruner.limits):
        if isinstance(chunk, yaml.Broken):
            pieces.append(_broken(chunk, path))
        elif not pruner.want(chunk.content):
            pieces.append(_SKIPPED)
        elif known is None:
            pieces.append(_piece(chunk, pruner))
        else:
            key = chunk.line, chunk.content
            if key not in known:
                known[key] = _piece(chunk, pruner)
            pieces.append(known[key])
    return Contents(
        tuple(item for piece in pieces for item in piece.objects),
        tuple(line for piece in pieces for line in piece.lines),
        tuple(gap for piece in pieces for gap in piece.gaps),
        any(piece.skipped for piece in pieces),
    )


_SKIPPED: Final = Contents(skipped=True)


def _piece(chunk: yaml.Origin, pruner: Pruner) -> Contents:
    held: list[Object] = []
    lines: list[Found] = []
    gaps: list[Gap] = []
    for raw in yaml.composed(chunk):
        if isinstance(raw, yaml.Broken):
            broken = _broken(raw, chunk.file)
            gaps.extend(broken.gaps)
            lines.extend(broken.lines)
            continue
        try:
            node = pruner.document(raw)
        except yaml.Tangled as error:
            gaps.append(unparsable(Place(chunk.file, raw.start_mark.line + 1), str(error)))
            continue
        for item in objects(node, chunk.file) if node is not None else ():
            gaps.extend(_doubts(item, pruner.doubts))
            try:
                _check_size(item.node, pruner.limits)
            except yaml.Tangled as error:
                gaps.append(unparsable(Place(chunk.file, item.line), str(error)))
            else:
                held.append(item)
    return Contents(tuple(held), tuple(lines), tuple(gaps))


def _doubts(item: Object, merged: Sequence[int]) -> Iterator[Gap]:
    """What would be deployed otherwise by another reader: an object of two kinds, and a deployer with two paths or the like."""
    if SEVERAL in item.kind or SEVERAL in item.api_version:
        yield unparsable(Place(item.file, item.line), _TWICE)
    elif merged and item.kind in WHOLE:
        yield unparsable(Place(item.file, item.line), _MERGED)


def _broken(broken: yaml.Broken, path: str) -> Contents:
    return Contents(
        lines=tuple(_lines(broken, path)), gaps=(unparsable(Place(path, broken.line), f"not YAML: {broken.why}"),)
    )


def _check_size(node: Node, limits: Limits) -> None:
    """Everything that walks an object later is bounded by this. Raises Tangled."""
    if expanded(node) > limits.object_nodes:
        raise yaml.Tangled(f"more than {limits.object_nodes} nodes when aliases are followed")


def _lines(broken: yaml.Broken, path: str) -> list[Found]:
    return [
        Found(text, Scalar(text, path, broken.first_line + line, column + 1), "image", None, Confidence.LOW)
        for line, column, text in lines_with_image(broken.content)
        if is_template(text) or is_reference(text)
    ]


def _templates(content: bytes, path: str) -> Iterator[Gap]:
    """What ytt makes of a file is unknown: it fills in values, takes parts out, and lays other files over it."""
    found = _YTT.search(content) if b"#@" in content else None
    if found is not None:
        why = "ytt is not run: what it makes of this file is unknown"
        command = f"ytt -f {shlex.quote(posixpath.dirname(path) or '.')}"
        yield Gap(
            Place(path, content.count(b"\n", 0, found.start()) + 1),
            "ytt template",
            why,
            rule="unrendered",
            help=f"render it and pipe the result: {command} | auditor check -",
        )


def unparsable(place: Place, why: str) -> Gap:
    """A file, or a document of it, that could not be read: it may hide anything."""
    return Gap(
        place,
        "unparsable file",
        why,
        rule="unparsable-file",
        help="make it valid YAML or JSON, or leave it out with manifests.exclude if nothing deploys it",
    )


def templated(found: Found, place: Place) -> Gap:
    """A reference that a tool fills in later."""
    return Gap(
        place,
        "templated reference",
        f"{found.text!r}: {found.why}" if found.why else f"{found.text!r} is filled in before it is deployed",
        rule="templated-reference",
        help=found.help or "name the image in the object"
        if found.why
        else "check the rendered manifests: render them and pipe the result to `auditor check -`",
        image=found.text,
    )
