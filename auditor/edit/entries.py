"""A new entry under `images:` of a kustomization: where the line that makes the image must stay as it is for others."""

from __future__ import annotations

from auditor.edit.documents import Index, end_of, line_behind, start_of
from auditor.edit.sites import ByHand, Way
from auditor.edit.splice import Splice, line_end, offset_of
from auditor.manifests.kustomize.images import split
from auditor.manifests.yaml import RawMapping, RawNode, RawSequence
from auditor.model.reference import Digest


def image_entry(content: bytes, found: Index, reference: str, digest: Digest) -> Way:
    """The entry that pins a reference, behind those that there are. Raises ByHand."""
    if len(found.documents) != 1 or found.broken or not isinstance(found.documents[0], RawMapping):
        raise ByHand("the kustomization is not one YAML mapping")
    top = found.documents[0]
    name, tag, _ = split(reference)
    key, value = ("newTag", f"{tag}@{digest}") if tag else ("digest", str(digest))
    images = next((node for each, node in top.value if each.value == "images"), None)
    if top.flow_style:
        raise ByHand("the kustomization is written in flow style")
    if images is None:
        return _section(content, found, name, f'{key}: "{value}"')
    if not isinstance(images, RawSequence) or not images.value:
        raise ByHand("`images:` of the kustomization is no list with entries")
    last = images.value[-1]
    if images.flow_style:
        end = _offset(content, end_of(last))
        return Way(Splice(end, end, f', {{name: {name}, {key}: "{value}"}}'.encode()), item=True)
    return _behind(content, last, name, f'{key}: "{value}"')


def _section(content: bytes, found: Index, name: str, pair: str) -> Way:
    newline = line_end(content)
    top = found.documents[0]
    indent = b" " * (start_of(top)[1] - 1)
    item = b"".join(indent + line.encode() + newline for line in (f"- name: {name}", f"  {pair}"))
    head = (b"" if content.endswith(b"\n") else newline) + indent + b"images:" + newline
    return Way(Splice(len(content), len(content), item), opens=head)


def _behind(content: bytes, last: RawNode, name: str, pair: str) -> Way:
    """Another item below the last one, its dash under the others."""
    line, column = start_of(last)
    begin = _offset(content, (line, 1))
    dash = content[begin : _offset(content, (line, column))].rstrip()
    if not isinstance(last, RawMapping) or dash.strip() != b"-":
        raise ByHand("the last entry of `images:` is not written as `- name: …`")
    end = line_behind(content, last)
    newline = line_end(content)
    gap = b" " * (column - len(dash.decode()))
    indent = b" " * (column - 1)
    # a dash that is followed by its item: the same space between the two as in the entry above
    text = dash + gap[:-1] + f"name: {name}".encode() + newline + indent + pair.encode()
    if end is None:
        raise ByHand("the kustomization is not UTF-8")
    glued = not content[:end].endswith(b"\n")
    return Way(Splice(end, end, newline + text if glued else text + newline), item=True)


def _offset(content: bytes, at: tuple[int, int]) -> int:
    offset = offset_of(content, *at)
    if offset is None:
        raise ByHand("the kustomization is not UTF-8")
    return offset
