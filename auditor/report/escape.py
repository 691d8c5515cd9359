"""Strings from repositories and registries, made harmless: one function per target language.

Every reporter sends every foreign string through exactly one of these. They are total: any `str`, lone surrogates included,
gives a string that its target shows as text and nothing else.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

import msgspec

_INVISIBLE: Final = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0100, 0xE01F0),
        ),
    )
)
"""Letters and marks that Python calls printable and that nobody can see (Unicode's Default_Ignorable_Code_Point)."""

_LOG_COMMAND: Final = re.compile(r"##(?=\w*\[)")
"""What log readers obey in the middle of a line: `##[…]` (GitHub), `##vso[…]` (Azure), `##teamcity[…]`."""

_NAMED: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible_text(text: str) -> str:
    r"""One line in which everything can be seen.

    Controls, line separators, bidirectional and invisible characters, unassigned ones and lone surrogates are written as
    escapes. What is left is legal in XML 1.0 and encodes to UTF-8.

    >>> visible_text("a\x1b[31m\nb\u202e")
    'a\\x1b[31m\\nb\\u202e'
    """
    if not text.isprintable() or not text.isascii():
        text = "".join(char if _is_visible(char) else _escaped(char) for char in text)
    return _LOG_COMMAND.sub(r"#\\x23", text)


def _is_visible(char: str) -> bool:
    return char.isprintable() and char not in _INVISIBLE


def _escaped(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def cut(text: str, length: int) -> str:
    """At most `length` code points, the last one an ellipsis where something is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def terminal_text(text: str) -> str:
    """For a terminal and for the logs of a CI: no control sequence, no second line, no log command inside a line."""
    return visible_text(text)


_COMMAND_LINE: Final = re.compile(r"^((?:\s|\x1b\[[0-9;]*m)*)::")


def terminal_line(line: str) -> str:
    """A whole line of output: GitHub's runner obeys a line that starts with `::`, whatever white space stands before it."""
    return _COMMAND_LINE.sub(r"\1:\\x3a", line)


def xml_text(text: str) -> str:
    """For the content and the attributes of XML 1.0: escaping the markup is the serializer's work, this keeps illegal characters out."""
    return visible_text(text)


def csv_cell(text: str) -> str:
    r"""For a cell that a spreadsheet may open: never a formula, never a second line, never a log command.

    The apostrophe is how OWASP's page on CSV injection tells spreadsheets that text follows.

    >>> csv_cell("=HYPERLINK(1)")
    "'=HYPERLINK(1)"
    """
    seen = visible_text(text)
    return "'" + seen if seen.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠", "|", "::")) else seen  # noqa: RUF001 - the full-width twins are formulas too


def workflow_data(text: str) -> str:
    """The message of a GitHub workflow command (actions/toolkit, `command.ts`: `escapeData`)."""
    return visible_text(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def workflow_property(text: str) -> str:
    """A property of a GitHub workflow command (`escapeProperty`)."""
    return workflow_data(text).replace(":", "%3A").replace(",", "%2C")


def sarif_text(text: str) -> str:
    """A SARIF message: plain text in which `[text](target)` would be a link (SARIF 2.1.0, 3.11.6)."""
    return visible_text(text).replace("](", "] (")


def relative_uri(path: str) -> str:
    """A path of the tree as a relative URI reference: bytes that are no UTF-8 keep their value."""
    quoted = quote(path.encode("utf-8", "surrogatepass" if _has_high_surrogate(path) else "surrogateescape"), safe="/")
    return f"./{quoted}" if ":" in quoted.partition("/")[0] or quoted.startswith("/") else quoted


def _has_high_surrogate(text: str) -> bool:
    return any("\ud800" <= char <= "\udc7f" or "\udd00" <= char <= "\udfff" for char in text)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

_JSON_UNSEEN: Final = re.compile(r"[^\x00-\x7e]")


def json_text(value: Any) -> str:
    r"""A JSON document, indented, with a final newline; unseen characters as `\uXXXX`, so that a terminal can show it.

    The escapes are JSON's own: a reader gets the same strings back. Only lone surrogates, which no UTF-8 can carry, are
    replaced by their escape as text.
    """
    return _dumped(value, indent=2) + "\n"


def json_line(value: Any) -> str:
    """The same in one line without its end: an entry of a list that is written piece by piece."""
    return _dumped(value)


def _dumped(value: Any, indent: int = 0) -> str:
    try:
        compact = msgspec.json.encode(value)
    except UnicodeEncodeError:
        compact = msgspec.json.encode(_without_surrogates(value))
    text = msgspec.json.format(compact, indent=indent).decode()
    if not text.isascii() or "\x7f" in text:  # hardly any text has what is looked for from here on
        text = _JSON_UNSEEN.sub(_json_escape, text)
    return _LOG_COMMAND.sub(r"#\\u0023", text) if "##" in text else text


def _json_escape(match: re.Match[str]) -> str:
    return match[0] if _is_visible(match[0]) else json.dumps(match[0])[1:-1]


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case _:
            return value


# ── HTML ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def html_text(text: str) -> str:
    """For the content and the quoted attributes of HTML: no tag, no entity, no end of the attribute, nothing invisible."""
    return html.escape(visible_text(text), quote=True)


def script_json(value: Any) -> str:
    r"""A JSON document inside `<script type="application/json">`: no `<` stands in it, so nothing ends or nests the element.

    (HTML, 4.12.1.3: `</script`, `<!--` and `<script` are what matters there.) `&` and `>` are escaped for XML readers.
    """
    text = json.dumps(_without_surrogates(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_SCRIPT)


_SCRIPT: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PLAIN_WORD: Final = re.compile(
    r"[(]*(?!www\.)[A-Za-z]+(?:[.'\u2019-][A-Za-z]+)*[)]*[.,;:!?]*[)]*|[0-9]{1,6}[.,;)]*|[(]+|[).,;\u2192\u2013\u2014\u00b7\u2026]+",
    re.IGNORECASE,
)
_HEX: Final = re.compile(r"(?:[0-9]*[a-f]+[0-9]+|[a-f]{7,})[0-9a-f]*", re.IGNORECASE)
_AROUND: Final = re.compile(r"([(\"'“`]*)(.*?)([.,;:!?)\"'”`]*)", re.DOTALL)


def markdown_code(text: str) -> str:
    r"""A code span inside a table cell: no markup, no HTML, no mention, no link lives in it.

    CommonMark 6.1: the fence is one backtick longer than any run inside; spaces keep inner backticks off the fence.
    GitHub's table extension splits cells before code spans are read: a pipe is `\|` even there, and a backslash before it
    would end the escape, so a zero-width space stands between.
    """
    seen = visible_text(text).replace("\\|", "\\\u200b|").replace("|", "\\|") or " "
    longest = max((len(run) for run in re.findall(r"`+", seen)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or seen.startswith(" ") or seen.endswith(" ") else ""
    return f"{fence}{pad}{seen}{pad}{fence}"


def markdown_fence(lines: Iterable[str], language: str) -> str:
    """A fenced block of these lines, each made one visible line. The fence is longer than any run of backticks inside."""
    seen = [visible_text(line) for line in lines]
    longest = max((len(run) for line in seen for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *seen, fence])


def markdown_prose(text: str) -> str:
    """A sentence: plain words stay, every word that could be anything else becomes a code span.

    So mentions, issue numbers, links, HTML and emphasis are shown as they were written and do nothing. What stands between
    two backticks is one code span.
    """
    parts = visible_text(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired backtick says nothing
        parts = ["`".join(parts)]
    return "".join(markdown_code(part) if index % 2 else _words(part) for index, part in enumerate(parts))


def _words(text: str) -> str:
    return " ".join(_markdown_word(word) if word else "" for word in text.split(" "))


def _markdown_word(word: str) -> str:
    if _PLAIN_WORD.fullmatch(word) and not _HEX.fullmatch(word.strip(".,;:!?()")):
        return word
    around = _AROUND.fullmatch(word)
    if around is None or not around[2]:
        return markdown_code(word)
    before, inner, after = around.groups()
    if {"`", '"', "'"} & set(before + after):  # quotes of the sentence are what the code span replaces
        before, after = before.translate(_NO_QUOTES), after.translate(_NO_QUOTES)
    return f"{before}{markdown_code(inner)}{after}"


_NO_QUOTES: Final = str.maketrans("", "", "`\"'“”")


def markdown_link(text: str, target: str) -> str:
    """A link whose text is code. `target` is an absolute URL; whatever could end it early is percent-encoded."""
    return f"[{markdown_code(text)}]({quote(target, safe=':/?#&=%@+,;~-._')})"
