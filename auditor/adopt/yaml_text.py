"""YAML as it is written into a rules file: block style, every foreign text quoted, comments of one line.

Names, subjects and faults come from registries. A value that is not plain is quoted in ASCII; a comment has nothing in it
that would end its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from auditor.report.escape import cut, visible_text

_PLAIN: Final = re.compile(
    r"(?!-)[A-Za-z][A-Za-z0-9._/@+-]*(?::[0-9]+/[a-z0-9][A-Za-z0-9._/@-]*|://[A-Za-z0-9._/@+-]+)?"
)
"""Texts that are themselves without quotes: no indicator, no number, nothing that ends in a colon."""
_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_COMMENT: Final = 300


def scalar(text: str) -> str:
    """A string, quoted where it must be.

    >>> scalar("refs/tags/v*"), scalar("123"), scalar("ghcr.io/acme/api")
    ('"refs/tags/v*"', '"123"', 'ghcr.io/acme/api')
    """
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(char: str) -> str:
    """One character between double quotes (YAML 1.2.2, section 5.7); JSON's pairs of surrogates are none there."""
    if char in '"\\':
        return f"\\{char}"
    code = ord(char)
    if " " <= char <= "~":
        return char
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def signer_block(name: str, patterns: Iterable[tuple[tuple[str, str], ...]], indent: str = "  ") -> str:
    """One entry of `signers:`: a mapping, or a list of them where any of several signs."""
    written = list(patterns)
    lines = [f"{indent}{scalar(name)}:"]
    for fields in written:
        start = f"{indent}  " if len(written) == 1 else f"{indent}  - "
        for key, value in fields:
            lines.append(f"{start}{key}: {scalar(value)}")
            start = f"{indent}  " if len(written) == 1 else f"{indent}    "
    return "\n".join(lines) + "\n"


def entry_block(names: Iterable[str], fields: Iterable[tuple[str, str]], indent: str = "  ") -> str:
    """One entry of `images:`."""
    found = sorted(names)
    lines = [f"{indent}- match: {scalar(found[0])}"] if len(found) == 1 else [f"{indent}- match:"]
    if len(found) > 1:
        lines += [f"{indent}    - {scalar(name)}" for name in found]
    lines += [f"{indent}  {key}: {scalar(value)}" for key, value in fields]
    return "\n".join(lines) + "\n"


def comment(text: str, indent: str = "") -> str:
    """One line of comment."""
    return f"{indent}# {cut(visible_text(text), _COMMENT)}\n"


def commented(block: str, indent: str = "") -> str:
    """A block that a person may uncomment."""
    return "".join(f"{indent}# {line.removeprefix(indent)}\n" for line in block.splitlines())
