"""Whatever a repository, a registry or a certificate says, no format lets it out of its place.

Each test renders a report in which the string stands everywhere, and reads the result back as its consumer would.
"""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token

from auditor.report.csv_rows import COLUMNS
from auditor.report.escape import cut, visible_text
from auditor.report.json_read import read_report
from auditor.report.json_v1 import document
from auditor.report.render import RenderOptions, render
from tests.support.hostile import ATTACKS, hostile_text
from tests.support.samples import hostile
from tests.support.schemas import report_validator, sarif_validator

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f"
OPTIONS = RenderOptions(blob_url=BLOB, verbose=True)
REPORT_SCHEMA = report_validator()
COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^:,\r\n]*,?)*)::([^\r\n]*)")
LOG_COMMAND = re.compile(r"##\w*\[")

few = settings(max_examples=60, deadline=None)
every_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda text: ascii(text)[:40])


def assert_plain_lines(text: str) -> None:
    """No control, no invisible character, no log command: what every format that may reach a log has to be."""
    for line in text.split("\n"):
        assert line.isprintable(), ascii(line)
        assert not LOG_COMMAND.search(line), line
        assert not line.lstrip().startswith("::"), line
    text.encode("utf-8")


# ── terminals ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_table(text: str) -> None:
    report = hostile(text)
    for width in (40, 120):
        assert_plain_lines(render(report, "table", RenderOptions(width=width, verbose=True)))
    colored = render(report, "table", RenderOptions(color=True))
    assert_plain_lines(re.sub(r"\x1b\[[0-9;]{1,5}m", "", colored))
    assert len(colored) < 400_000


@every_attack
def test_table_holds_attacks(attack: str) -> None:
    check_table(attack)


@few
@given(hostile_text)
def test_table_holds_anything(text: str) -> None:
    check_table(text)


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_json(text: str) -> None:
    report = hostile(text)
    rendered = render(report, "json", OPTIONS)
    assert_plain_lines(rendered)
    told = json.loads(rendered)
    REPORT_SCHEMA.validate(told)
    as_utf8 = text.encode("utf-8", "backslashreplace").decode()
    assert {image["reference"] for image in told["images"]} == {as_utf8, f"{as_utf8}:ok", f"{as_utf8}:old"}
    again = read_report(rendered)
    assert render(again, "json", OPTIONS) == rendered or as_utf8 != text
    if as_utf8 == text:
        assert document(again) == document(report)


@every_attack
def test_json_holds_attacks(attack: str) -> None:
    check_json(attack)


@few
@given(hostile_text)
def test_json_holds_anything(text: str) -> None:
    check_json(text)


def check_sarif(text: str) -> dict[str, object]:
    rendered = render(hostile(text), "sarif", OPTIONS)
    assert_plain_lines(rendered)
    told: dict[str, object] = json.loads(rendered)
    run = json.loads(rendered)["runs"][0]
    messages = [result["message"]["text"] for result in run["results"]]
    messages += [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert not [message for message in messages if "](" in message or not message.isprintable()]
    for result in run["results"]:
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9%/_.~-]+", uri), uri
        assert not uri.startswith("//")
    return told


@every_attack
def test_sarif_holds_attacks_and_stays_valid(attack: str) -> None:
    sarif_validator().validate(check_sarif(attack))


@few
@given(hostile_text)
def test_sarif_holds_anything(text: str) -> None:
    check_sarif(text)


@few
@given(hostile_text)
def test_code_quality_holds_anything(text: str) -> None:
    rendered = render(hostile(text), "codequality", OPTIONS)
    assert_plain_lines(rendered)
    issues = json.loads(rendered)
    known = {"wrong-signer", "numeric-tag", "unparsable-file"}
    assert known <= {issue["check_name"] for issue in issues}
    assert len({issue["check_name"] for issue in issues} - known) == 1, "the rule that an artifact made up"
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


# ── workflow commands ────────────────────────────────────────────────────────────────────────────────────────────────────


def check_github(text: str) -> None:
    rendered = render(hostile(text), "github", OPTIONS)
    *commands, last, empty = rendered.split("\n")
    assert not empty
    assert last.startswith("auditor: ")
    parsed = [COMMAND.fullmatch(line) for line in commands]
    assert [match[1] for match in parsed if match] == ["error", "error", "warning", "warning"], rendered
    for match in parsed:
        assert match
        names = [pair.partition("=")[0] for pair in match[2].split(",")]
        assert names in (["file", "line", "col", "title"], ["title"])
        if names[0] == "file":
            assert unescape(match[2].split(",")[0].partition("=")[2]) == visible_text(cut(text, 1024))
        assert match[3].isprintable()
        assert not LOG_COMMAND.search(match[0])


def unescape(value: str) -> str:
    """As the runner reads a property (`ActionCommand.cs`): percent last."""
    for code, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        value = value.replace(code, char)
    return value


@every_attack
def test_workflow_commands_hold_attacks(attack: str) -> None:
    check_github(attack)


@few
@given(hostile_text)
def test_workflow_commands_hold_anything(text: str) -> None:
    check_github(text)


# ── XML and CSV ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def check_junit(text: str) -> None:
    rendered = render(hostile(text), "junit", OPTIONS)
    assert_plain_lines(rendered)
    suites = ET.fromstring(rendered)  # noqa: S314 - our own output; that it parses is the test
    assert {node.tag for node in suites.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
    }
    cases = suites.findall("testsuite/testcase")
    assert len(cases) == 4
    assert {len(case) for case in cases} <= {0, 1}
    assert suites.attrib["tests"] == "4"


@every_attack
def test_junit_holds_attacks(attack: str) -> None:
    check_junit(attack)


@few
@given(hostile_text)
def test_junit_holds_anything(text: str) -> None:
    check_junit(text)


def check_csv(text: str) -> None:
    rendered = render(hostile(text), "csv", OPTIONS)
    assert_plain_lines(rendered)
    header, *rows = csv.reader(io.StringIO(rendered))
    assert tuple(header) == COLUMNS
    assert len(rows) == 3
    for row in rows:
        assert len(row) == len(COLUMNS)
        assert not [cell for cell in row if cell.lstrip()[:1] in set("=+-@\t\r＝＋－＠|") and cell.strip()]  # noqa: RUF001 - full-width twins


@every_attack
def test_csv_holds_attacks(attack: str) -> None:
    check_csv(attack)


@few
@given(hostile_text)
def test_csv_holds_anything(text: str) -> None:
    check_csv(text)


# ── Markdown ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

READER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
OWN_INLINE_HTML = {"<br>", "<sub>", "</sub>"}
OWN_HTML_BLOCK = re.compile(
    r"<!-- auditor:v1:check -->|<details><summary>[^<>@#`\[\]]*</summary>|</details>", re.DOTALL
)
WAKES_GITHUB = re.compile(r"@[\w/-]|#\d|://|\bwww\.|\bGH-\d|\b[0-9a-f]{7,40}\b|:\w+:|\$", re.IGNORECASE)
"""What GitHub turns into mentions, references, links, emoji and formulas in text that is no code."""


def block_shape(tokens: list[Token]) -> list[str]:
    return [token.type for token in tokens]


def check_markdown(text: str) -> None:
    rendered = render(hostile(text), "markdown", OPTIONS)
    assert_plain_lines(rendered.replace("\u200b", ""))
    assert len(rendered) <= 65_536
    tokens = READER.parse(rendered)
    if len(rendered) < 50_000:
        assert block_shape(tokens) == block_shape(READER.parse(render(hostile("word"), "markdown", OPTIONS)))
    for token in tokens:
        if token.type == "html_block":
            assert OWN_HTML_BLOCK.fullmatch(token.content.strip()), token.content
        for child in token.children or ():
            check_inline(child)


def check_inline(token: Token) -> None:
    assert token.type in {
        "text",
        "code_inline",
        "html_inline",
        "link_open",
        "link_close",
        "strong_open",
        "strong_close",
        "softbreak",
    }
    if token.type == "html_inline":
        assert token.content in OWN_INLINE_HTML, token.content
    if token.type == "link_open":
        assert str(token.attrs["href"]).startswith(BLOB + "/")
    if token.type == "text":
        assert not WAKES_GITHUB.search(token.content), token.content


@every_attack
def test_markdown_holds_attacks(attack: str) -> None:
    check_markdown(attack)


@few
@given(hostile_text)
@example("`a` @octocat `b")
@example("a\\|b")
def test_markdown_holds_anything(text: str) -> None:
    check_markdown(text)
