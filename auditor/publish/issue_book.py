"""Our issues in one repository of a forge: listed once in a run, and written down as we change them.

Of a text only what is asked of it is kept, so that twenty thousand issues fit into memory.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from auditor.limits import Limits
from auditor.model.evidence import FaultKind
from auditor.publish.api import Api, Endless, each_object
from auditor.publish.ci.job import number
from auditor.publish.github import is_by
from auditor.publish.outcome import Refused
from auditor.publish.worse import Blocking, read
from auditor.registry.faults import Failed


class Kept(Struct, frozen=True):
    """One of our issues. `text` is the hash of what it says, `blocking` what it says blocks."""

    number: int
    is_open: bool
    text: str
    blocking: Blocking | None

    def says(self, body: str) -> bool:
        """Whether it says this."""
        return self.text == _hash(body)


class IssueBook:
    """Our issues in one project, by the first line of their text, which names the audited repository. `path` is that of the API."""

    def __init__(self, api: Api, project: str, login: str, limits: Limits) -> None:
        self._api = api
        self._project = project
        self._login = login
        self._limits = limits
        self.path = f"/repos/{project}/issues"
        self._listing = f"{self.path}?state=all&creator={quote(login, safe='')}&per_page=100"
        self._kept: dict[str, dict[int, Kept]] = {}
        self._is_listed = False
        self._failure: Failed | None = None

    def of(self, mark: str) -> list[Kept]:
        """Those with this first line, oldest first. Raises Refused or Failed, the same for all of them: nobody is asked again."""
        if self._failure is not None:
            raise self._failure
        if not self._is_listed:
            try:
                self._list()
            except Failed as failure:
                self._failure = failure
                raise
        return sorted(self._kept.get(mark, {}).values(), key=lambda each: each.number)

    def look_again(self) -> None:
        """Take in what was opened meanwhile, by another audit too: the newest come first. Raises Refused or Failed."""
        self._take(next(self._api.each_page(self._listing, 1), []))

    def write_down(self, number_: int, body: str, *, is_open: bool) -> None:
        """An issue says this now."""
        self._kept.setdefault(_first_line(body), {})[number_] = Kept(number_, is_open, _hash(body), read(body))

    def drop(self, mark: str, number_: int) -> None:
        """An issue is not there any more."""
        self._kept.get(mark, {}).pop(number_, None)

    def _list(self) -> None:
        try:
            for page in self._api.each_page(self._listing, self._limits.issue_pages):
                self._take(page)
        except Endless:
            message = f"{self._project} has more issues of ours than are listed: one could be opened twice"
            raise Refused(FaultKind.TOO_MANY, message, again=False) from None
        self._is_listed = True

    def _take(self, page: list[Any]) -> None:
        for issue in each_object(page):
            body, number_ = issue.get("body"), number(issue.get("number"))
            if "pull_request" in issue or not isinstance(body, str) or number_ is None:
                continue
            if is_by(issue, self._login) and issue.get("state") in {"open", "closed"}:
                self.write_down(number_, body, is_open=issue["state"] == "open")


def _first_line(body: str) -> str:
    return body.lstrip().partition("\n")[0].rstrip("\r")


def _hash(body: str) -> str:
    """Forges trim, and may keep other line ends."""
    return hashlib.sha256(body.replace("\r\n", "\n").strip().encode("utf-8", "surrogatepass")).hexdigest()
