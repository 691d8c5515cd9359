"""The site is built without a dead link, needs nothing from elsewhere, and speaks of commands, options and keys that there are."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import jsonschema
import pytest
import yaml

from auditor.cli.main import parser
from auditor.cli.parsing import Parser
from auditor.rulebook import files
from tests.cli.house import TOP
from tests.docs.console import commands
from tests.docs.helps import pages, written

_FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def build(*arguments: str, cwd: Path = TOP) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built once for all workers of one test session."""
    base = tmp_path_factory.getbasetemp()
    place = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with (place / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "site" / "index.html").exists():
            done = build("--strict", "--site-dir", str(place / "site"))
            assert done.returncode == 0, done.stdout + done.stderr
    return place / "site"


def test_every_page_and_every_rule_is_there(site: Path) -> None:
    sources = {p.relative_to(TOP / "docs").with_suffix(".html") for p in (TOP / "docs").rglob("*.md")}
    rules = {Path("reference/rules", f"{page.stem}.html") for page in files("catalog", ".md")}
    assert {path for path in sources | rules if not (site / path).exists()} == set()


def test_the_first_page_leads_to_every_other() -> None:
    """All but decisions, which are told where they matter."""
    docs = TOP / "docs"
    led_to = set(re.findall(r"\]\(([^)#]+\.md)", (docs / "index.md").read_text("utf-8")))
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md")}
    assert {page for page in pages - led_to if not page.startswith("decisions/")} == {"index.md"}


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loads = re.compile(
        r"<(?:script|img|iframe)[^>]+src=[\"']?(?:https?:)?//|<link[^>]+stylesheet[^>]+href=[\"']?(?:https?:)?//"
    )
    assert [p.name for p in site.rglob("*.html") if loads.search(p.read_text())] == []


@pytest.mark.parametrize(
    "link", ["[x](nowhere.md)", "[x](other.md#nowhere)", "[x](/root.md)"], ids=["page", "anchor", "absolute"]
)
def test_a_dead_link_fails_the_build(tmp_path: Path, link: str) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Home\n\n{link}\n")
    (tmp_path / "docs" / "other.md").write_text("# Other\n")
    config = yaml.safe_load((TOP / "mkdocs.yml").read_text())
    config |= {
        "hooks": [],
        "site_dir": "site",
        "nav": ["index.md", "other.md"],
        "strict": True,
        "theme": {"name": "mkdocs"},
    }
    (tmp_path / "mkdocs.yml").write_text(json.dumps(config))
    done = build(cwd=tmp_path)
    assert done.returncode == 1
    assert "in strict mode" in done.stdout + done.stderr
    (tmp_path / "docs" / "index.md").write_text("# Home\n\n[x](other.md#other)\n")
    assert build(cwd=tmp_path).returncode == 0, "the link was it"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_help_is_what_the_program_prints(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == written(text), "run: python -m tests.docs.helps"


def lines() -> Iterator[tuple[str, str]]:
    """Every line of a page that calls the program, with the page's name."""
    for page in pages():
        for language, text in _FENCE.findall(page.read_text("utf-8")):
            if language == "console":
                yield from ((page.name, command.line) for command in commands(f"```console\n{text}```"))
            elif language in {"yaml", "groovy", "sh", "bash"}:
                yield from (
                    (page.name, found[0])
                    for found in re.finditer(r"\bauditor (?:check|publish|images|pin|policy)\b[^\n'\"\]]*", text)
                )


def called(line: str) -> Iterator[list[str]]:
    """The arguments of each call of the program in a line of shell."""
    for part in re.split(r"[|;&]+(?![^\"']*[\"'] )", line):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            continue
        while words and re.fullmatch(r"\w+=\S*", words[0]):
            words.pop(0)
        if words and words[0] == "auditor":
            yield list(takewhile(lambda word: word not in {">", "<"}, words[1:]))


def test_every_command_and_option_that_is_shown_is_there() -> None:
    wrong, seen = [], 0
    for page, line in lines():
        for words in called(line):
            seen += 1
            wrong += [f"{page}: {line}: {word}" for word in _unknown(parser(), words)]
    assert wrong == []
    assert seen > 40


def _unknown(command: Parser, words: list[str]) -> Iterator[str]:
    """Commands and options that are not there."""
    options = {name: action for action in command._actions for name in action.option_strings}
    below, rest = command.commands(), iter(words)
    for word in rest:
        name, equals, _ = word.partition("=")
        if word.startswith("-") and word != "-":
            if name not in options:
                yield word
            elif options[name].nargs != 0 and not equals:
                next(rest, None)
        elif below:
            yield from _unknown(below[word], list(rest)) if word in below else [word]


def snippets() -> list[tuple[str, str]]:
    """Every piece of auditor.yaml in the pages: YAML whose keys are those of the file. A pipeline has scripts, rules have none."""
    known = set(json.loads(_schema())["properties"])
    blocks = [(page.name, block) for page in pages() for block in _FENCE.findall(page.read_text("utf-8"))]
    return [
        (name, text)
        for name, (language, text) in blocks
        if language == "yaml" and "script:" not in text and _keys(text) and _keys(text) <= known
    ]


def _keys(text: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def _schema() -> str:
    return subprocess.run(
        [sys.executable, "-m", "auditor", "schema", "config"],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_every_piece_of_rules_that_is_shown_is_one() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(_schema()))
    shown = snippets()
    assert len(shown) > 8
    for page, text in shown:
        filled = re.sub(r"<[^>]*hash[^>]*>", "a" * 64, text)
        rules = {"version": 1} | json.loads(json.dumps(yaml.safe_load(filled), default=str))
        problems = [error.message for error in validator.iter_errors(rules)]
        assert problems == [], f"{page}: {text}"
