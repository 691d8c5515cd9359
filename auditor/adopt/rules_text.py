"""A proposal → the text of a new `auditor.yaml`, or what an existing one lacks."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from auditor.adopt.choose import Left, Proposal, Proposed
from auditor.adopt.seen import Lack
from auditor.adopt.yaml_text import comment, commented, entry_block, scalar, signer_block
from auditor.config.surroundings import BASELINE_FILE
from auditor.edit.splice import Splice


class Root(Struct, frozen=True):
    """A trust root that the rules shall name: `public-good`, `github`, or a file of the tree."""

    name: str
    file: str = ""


_HEAD = """\
# Who must have signed the images that this repository deploys. `auditor init` proposed it from what is signed today:
# read it before you merge it, it is yours from then on. All keys: docs/reference/auditor-yaml.md of auditor.
# `auditor check` judges a change by the rules of the branch that it is for, so a pull request cannot loosen its own.
version: 1
"""


def rules_text(proposal: Proposal, roots: tuple[Root, ...]) -> str:
    """The whole file."""
    parts = [_HEAD]
    if proposal.signers:
        parts += ["\nsigners:\n", *map(_signer, proposal.signers)]
    entries = list(_entries(proposal))
    parts += ["\n# The first entry that matches governs.\nimages:\n", *entries] if entries else ["\nimages: []\n"]
    parts += list(_left(proposal))
    parts += ["\n# Images that no entry matches. deny: an error, warn: a warning.\notherwise: deny\n"]
    parts += [_trust(proposal, roots)] if roots else []
    return "".join(parts)


def _signer(signer: Proposed, indent: str = "  ") -> str:
    notes = "".join(comment(note, indent) for note in signer.notes)
    return notes + signer_block(signer.name, signer.patterns, indent)


def _entries(proposal: Proposal, indent: str = "  ") -> Iterator[str]:
    for signer in proposal.signers:
        yield entry_block(signer.images, (("signed-by", signer.name),), indent)
    if proposal.catalog:
        yield comment("Signed by the publishers that auditor knows and has seen a signature of.", indent)
        yield entry_block(proposal.catalog, (("signed-by", "catalog"),), indent)


def _left(proposal: Proposal) -> Iterator[str]:
    """Everything without a signer, and what a person can do about it, commented out."""
    if not proposal.left:
        return
    yield "\n"
    yield comment(f"For the images below nobody is proposed. What is deployed today is in {BASELINE_FILE};", "  ")
    yield comment("a new version of one fails the check until an entry speaks about it.", "  ")
    for each in proposal.left:
        yield from _one_left(each)


def _one_left(left: Left, indent: str = "  ") -> Iterator[str]:
    yield f"{indent}#\n"
    yield comment(f"{left.name} {left.lack}{': ' if left.detail else ''}{left.detail}", indent)
    if left.doubtful is not None:
        yield comment("If you know them, under `signers:` and `images:`:", indent)
        yield commented(signer_block(left.doubtful.name, left.doubtful.patterns, indent), indent)
        yield commented(entry_block((left.name,), (("signed-by", left.doubtful.name),), indent), indent)
    elif left.lack is Lack.KEY:
        yield commented(f"{indent}<name>: {{key: <file of the public key>}}\n", indent)
    elif left.lack in (Lack.UNSIGNED, Lack.ATTESTED, Lack.INVALID):
        fields = (("unsigned", "allow"), ("reason", "<why>"))
        yield commented(entry_block((left.name,), fields, indent), indent)


def _trust(proposal: Proposal, roots: tuple[Root, ...]) -> str:
    lines = ["\n# Whose certificates count. A file vouches for the issuers that are listed with it.\ntrust:\n"]
    for root in roots:
        issuers = _issuers(proposal, root)
        if not root.file:
            lines.append(f"  - {root.name}\n")
        elif len(roots) == 1:
            lines.append(f"  - file: {scalar(root.file)}\n    name: {scalar(root.name)}\n")
        elif issuers:
            listed = "".join(f"      - {scalar(issuer)}\n" for issuer in issuers)
            lines.append(f"  - file: {scalar(root.file)}\n    name: {scalar(root.name)}\n    issuers:\n{listed}")
        else:
            lines.append(comment(f"{root.file} vouches for no signer that is proposed", "  "))
    return "".join(lines)


def _issuers(proposal: Proposal, root: Root) -> list[str]:
    """The issuers for which a root is needed: those of signers that no other root vouches for, else of all of its own."""
    alone = {each.issuer for each in proposal.signers if each.roots == {root.name}}
    return sorted(alone or {each.issuer for each in proposal.signers if root.name in each.roots})


# ── what an existing file lacks ──────────────────────────────────────────────────────────────────────────────────────────


def additions(text: str, proposal: Proposal) -> tuple[Splice, ...] | None:
    """The proposal's signers and entries, each behind the file's own; None where there is no place to write them.

    Nothing that stands there changes; whoever calls loads the result and compares.
    """
    lines = text.splitlines(keepends=True)
    if any("\r" in line for line in lines) or (lines and not lines[-1].endswith("\n")):
        return None
    splices = []
    for key, blocks in (("signers", _signers), ("images", _entries)):
        indent = _indent(lines, key)
        if indent is None:
            return None
        if added := "".join(blocks(proposal, indent)):
            splices.append(_insertion(lines, key, added))
    return tuple(splices)


def _signers(proposal: Proposal, indent: str) -> Iterator[str]:
    yield from (_signer(replace(each), indent) for each in proposal.signers)


def _indent(lines: list[str], key: str) -> str | None:
    """The indentation of what stands under a key at the top; None where it is not written as a block."""
    at = _line_of(lines, key)
    if at is None:
        return "  "
    if lines[at].partition("#")[0].strip() != f"{key}:":
        return None
    first = next((line for line in lines[at + 1 :] if line.strip() and not line.lstrip().startswith("#")), "")
    indent = first[: len(first) - len(first.lstrip(" "))]
    return indent if indent or (key == "images" and first.startswith("- ")) else None


def _line_of(lines: list[str], key: str) -> int | None:
    return next((number for number, line in enumerate(lines) if line.startswith(f"{key}:")), None)


def _insertion(lines: list[str], key: str, added: str) -> Splice:
    """Behind the last line of the section that is no comment at the margin; a section of its own at the end."""
    at = _line_of(lines, key)
    if at is None:
        return _at(lines, len(lines), f"\n{key}:\n{added}")
    end = last = at + 1
    while end < len(lines) and not _is_top(lines[end], key):
        end += 1
        last = end if lines[end - 1].strip() and not lines[end - 1].startswith("#") else last
    return _at(lines, last, added)


def _at(lines: list[str], line: int, text: str) -> Splice:
    offset = len("".join(lines[:line]).encode())
    return Splice(offset, offset, text.encode())


def _is_top(line: str, key: str) -> bool:
    """Whether a line begins something else at the top."""
    return bool(line.strip()) and line[0] not in " #" and not (key == "images" and line.startswith("- "))
