"""What the reports say about a rule itself: its page in the shipped `rules/catalog/`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from auditor import rulebook
from auditor.model.finding import Level


class RulePage(Struct, frozen=True):
    """One rule's page: its title, its default level (None where the page names none), the text in Markdown."""

    rule: str
    title: str
    level: Level | None
    body: str


def parse_page(rule: str, text: str) -> RulePage:
    """Read a page: `key: value` lines between two `---`, then Markdown. Everything missing gets a readable default."""
    header: dict[str, str] = {}
    body = text
    if text.startswith("---\n"):
        front, _, body = text[4:].partition("\n---\n")
        header = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in front.splitlines())}
    level = header.get("level", "")
    return RulePage(
        rule,
        header.get("title", "").strip("\"'") or default_title(rule),
        Level(level) if level in set(Level) else None,
        body.strip(),
    )


def default_title(rule: str) -> str:
    """A slug as words: `unsigned-image` → `Unsigned image`."""
    return rule.replace("-", " ").replace("/", ": ").capitalize() or "Finding"


@functools.cache
def shipped_pages() -> Mapping[str, RulePage]:
    """Every page of the shipped catalogue, by rule."""
    pages = {
        path.stem: parse_page(path.stem, path.read_text(encoding="utf-8")) for path in rulebook.files("catalog", ".md")
    }
    return MappingProxyType(pages)
