"""One function per target language."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from auditor.report import escape


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("ghcr.io/acme/api:2.1@sha256:00", "ghcr.io/acme/api:2.1@sha256:00"),
        ("größe 東京", "größe 東京"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\u202e\u2066\u200b\u2028", r"\u202e\u2066\u200b\u2028"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\udcff"),
        ("\u3164\ufe0f", r"\u3164\ufe0f"),
        ("no-break\u00a0space", r"no-break\xa0space"),
        ("##[error] ##vso[x] ## # [", r"#\x23[error] #\x23vso[x] ## # ["),
    ],
)
def test_visible_text(text: str, seen: str) -> None:
    assert escape.visible_text(text) == seen
    assert escape.terminal_text(text) == seen
    assert escape.xml_text(text) == seen


def test_cut_keeps_short_text_and_marks_long_text() -> None:
    assert escape.cut("abc", 3) == "abc"
    assert escape.cut("abcd", 3) == "ab…"


@pytest.mark.parametrize("line", ["::error::x", "   ::error::x", "\t::stop-commands::t", "\x1b[2m  ::x"])
def test_terminal_line_never_starts_a_command(line: str) -> None:
    assert "::" not in escape.terminal_line(line)[: line.index("::") + 2]
    assert escape.terminal_line("  http://[::1]:5000/x") == "  http://[::1]:5000/x"


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", " =1", "|x", "::error::x", "＝1"])  # noqa: RUF001 - the full-width sign
def test_csv_cell_is_no_formula(text: str) -> None:
    assert escape.csv_cell(text) == f"'{text}"
    assert escape.csv_cell("ghcr.io/acme/a-b=c") == "ghcr.io/acme/a-b=c"


def test_sarif_text_holds_no_link() -> None:
    assert escape.sarif_text("[click](https://evil.example) a[0]") == "[click] (https://evil.example) a[0]"


def test_workflow_escapes_are_the_toolkit_s() -> None:
    assert escape.workflow_data("50%: a,b") == "50%25: a,b"
    assert escape.workflow_property("50%: a,b") == "50%25%3A a%2Cb"


@pytest.mark.parametrize("path", ["a b/ü#?%.yaml", "a/b.yaml", "bytes\udcff/x", "\ud800/x", "c:d/e", "/abs", "(x)"])
def test_relative_uri_is_relative_and_keeps_the_bytes(path: str) -> None:
    uri = escape.relative_uri(path)
    assert uri.isascii()
    assert not uri.startswith("/")
    assert not set(uri) & set(' #?()<>"\\')
    errors = "surrogatepass" if "\ud800" in path else "surrogateescape"
    assert unquote(uri, errors=errors).removeprefix("./") == path


def test_json_text_keeps_strings_and_shows_what_is_unseen() -> None:
    value = {"a": ["\x7f\u202e##[x] é \U000e0041", 1, None, True]}
    text = escape.json_text(value)
    assert json.loads(text) == value
    assert text.isprintable() or "\n" in text
    assert r"\u007f\u202e#\u0023[x] é \udb40\udc41" in text


def test_json_text_writes_lone_surrogates_as_text() -> None:
    assert json.loads(escape.json_text("a\udcffb")) == r"a\udcffb"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a", "`a`"),
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
        ("a|b", r"`a\|b`"),
        (r"a\|b", "`a\\\u200b\\|b`"),
        (" a", "`  a `"),
        ("", "`   `"),
        ("a\nb", r"`a\nb`"),
    ],
)
def test_markdown_code(text: str, span: str) -> None:
    assert escape.markdown_code(text) == span


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("signed by nobody, whom the rule allows.", "signed by nobody, whom the rule allows."),
        ("asked referrers, .sig and .att", "asked referrers, `.sig` and `.att`"),
        ("ghcr.io/acme/api:2 is not signed:", "`ghcr.io/acme/api:2` is not signed:"),
        ("(issuer https://acme.example)", "(issuer `https://acme.example`)"),
        ("ask @octocat, see #12.", "ask `@octocat`, see `#12`."),
        ("see www.acme.example", "see `www.acme.example`"),
        ("waive it (`auditor waive`) now", "waive it (`auditor waive`) now"),
        ("one ` alone", "one ````` alone"[:4] + "`` ` `` alone"),
        ("commit 0123abc", "commit `0123abc`"),
        ("commit deadbeef", "commit `deadbeef`"),
        ('"quoted/thing"', "`quoted/thing`"),
        ("wait 20 s", "wait 20 s"),
    ],
)
def test_markdown_prose(text: str, prose: str) -> None:
    assert escape.markdown_prose(text) == prose


def test_markdown_link_cannot_be_left() -> None:
    link = escape.markdown_link("a](b", "https://acme.example/x)y z<w>")
    assert link == "[`a](b`](https://acme.example/x%29y%20z%3Cw%3E)"


def test_html_text_ends_neither_an_element_nor_an_attribute() -> None:
    assert escape.html_text("</b>\"x' onclick=1&amp;\u202e") == r"&lt;/b&gt;&quot;x&#x27; onclick=1&amp;amp;\u202e"


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "]]>", "&lt;", "\u2028", "\udcff", "größe"])
def test_script_json_reads_back_and_ends_no_element(text: str) -> None:
    written = escape.script_json({"text": text})
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written)["text"] == text.encode("utf-8", "backslashreplace").decode()
