"""What the site has beside `docs/`: a page for each rule, from the catalogue, and navigation that no page is forgotten in."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from auditor.cli.explain import front_matter, without_front_matter
from auditor.rulebook import files as rule_files

_TOP = Path(__file__).parent
_OUTSIDE = re.compile(r"\]\((?:\.\./)+((?:rules|tests|fixtures|benchmarks|[A-Z]+\.md)[^)#]*)[^)]*\)")
_RULES = """# Rules

What can be found, and how bad it is unless `rules:` in [auditor.yaml](../auditor-yaml.md) says otherwise. `auditor explain RULE` prints the
same page.

| rule | level | |
|---|---|---|
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in `folder/*` in the navigation: every page of the folder that is not named elsewhere."""
    named = {page for page in _leaves(config.nav) if not page.endswith("*")}
    pages = {*(p.relative_to(config.docs_dir).as_posix() for p in Path(config.docs_dir).rglob("*.md")), *_rule_pages()}
    config.nav = _filled(config.nav, sorted(pages - named))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the rules."""
    for path, text in _rule_pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """A link out of the site, into the checkout, is told as a path: it leads somewhere only there."""
    return _OUTSIDE.sub(r"] (`\1`)", markdown)


def _rule_pages() -> dict[str, str]:
    texts = {page.stem: page.read_text(encoding="utf-8") for page in rule_files("catalog", ".md")}
    headers = {slug: front_matter(text) for slug, text in texts.items()}
    rows = [f"| [{slug}]({slug}.md) | {header['level']} | {header['title']} |" for slug, header in headers.items()]
    pages = {f"reference/rules/{slug}.md": without_front_matter(text) for slug, text in texts.items()}
    return {"reference/rules/index.md": _RULES + "\n".join(rows) + "\n", **pages}


def _leaves(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [leaf for each in inner for leaf in _leaves(each)]


def _filled(nav: Any, rest: list[str]) -> Any:
    if isinstance(nav, dict):
        return {title: _filled_value(value, rest) for title, value in nav.items()}
    return [entry for each in nav for entry in _entry(each, rest)]


def _filled_value(value: Any, rest: list[str]) -> Any:
    return (
        list(_entry(value, rest))
        if isinstance(value, str) and value.endswith("*")
        else (_filled(value, rest) if isinstance(value, list | dict) else value)
    )


def _entry(each: Any, rest: list[str]) -> list[Any]:
    if not isinstance(each, str):
        return [_filled(each, rest)]
    if not each.endswith("*"):
        return [each]
    return [page for page in rest if fnmatch.fnmatch(page, each) and page.count("/") == each.count("/")]
