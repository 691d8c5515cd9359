"""How a report is to look: everything a format may be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from auditor.report.pages import RulePage

BUDGET: Final = 60_000
"""Code points of a comment: GitHub refuses more than 65,536 in places, and stores 262,144 bytes in others."""


class RenderOptions(Struct, frozen=True):
    """What the reader can show, and where the report is going.

    `width` in columns, for tables. `blob_url` is the address of the tree at head, to which `/<path>#L<line>` is added
    (`https://github.com/acme/platform/blob/<commit>`). `key` names the check in the comment's hidden marker, so that two
    jobs do not fight over one comment. `category` becomes SARIF's `automationDetails.id`. `docs_url` is where the rules'
    pages are published, to which `/<rule>` is added. `pages` are the rules' pages; None takes those that are shipped.
    `budget` is how many code points a comment may have. `relayed` says that the result is another job's word, perhaps of one
    that the change itself has written. `details` are the files and folders that the same run writes its other formats to.
    """

    color: bool = False
    width: int = 120
    verbose: bool = False
    blob_url: str | None = None
    key: str = "check"
    category: str = "default"
    docs_url: str | None = None
    pages: Mapping[str, RulePage] | None = None
    budget: int = BUDGET
    relayed: bool = False
    details: tuple[str, ...] = ()
