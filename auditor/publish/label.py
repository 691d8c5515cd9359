"""The label of our issues: looked up once in each repository, made where it is missing.

Shapes: GitHub's published OpenAPI description (`issues/get-label`, `issues/create-label`, `issues/add-labels`). Who may not push
to a repository cannot make labels (403), and labels that they give to an issue are dropped silently.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from auditor.errors import UsageError
from auditor.publish.api import Api, each_object
from auditor.publish.outcome import Did, Outcome, Post, Refused
from auditor.registry.faults import Failed

LONGEST: Final = 50
"""Characters of a label's name: "name is too long (maximum is 50 characters)"."""
_COLOR: Final = "b60205"
_DESCRIPTION: Final = "Kept up to date by the nightly audit of container images"
_MISSING: Final = 404
_EXISTS: Final = 422
_HELP: Final = "make the label there once, give the token the right to, or go without: --issue-label ''"


def check_label(name: str) -> None:
    """Raise UsageError for what is no name of a label."""
    if len(name) > LONGEST or not name.isprintable() or "," in name or name != name.strip():
        raise UsageError(
            f"--issue-label {name[:60]!r} is no label", help=f"write at most {LONGEST} characters, without a comma"
        )


class Label:
    """One label in one repository. `trouble` is why issues there go without it, once that is known."""

    def __init__(self, api: Api, project: str, name: str) -> None:
        self._api = api
        self._labels = f"/repos/{project}/labels"
        self._name = name
        self._is_there: bool | None = None if name else False
        self.trouble: Outcome | None = None

    def names(self) -> list[str]:
        """What a new issue is given: the label, if it is there or could be made. Raises nothing."""
        if self._is_there is None:
            try:
                self._is_there = self._made()
            except Failed as failure:
                self._lost(failure.fault.detail)
        return [self._name] if self._is_there else []

    def is_on(self, issue: Any) -> bool:
        """Whether an issue, as the forge tells of it, bears the label; also where it is to bear none."""
        labels = issue.get("labels") if isinstance(issue, dict) else None
        told = {each.get("name") for each in each_object(labels if isinstance(labels, list) else [])}
        return not self._name or self._name.casefold() in {each.casefold() for each in told if isinstance(each, str)}

    def dropped(self) -> None:
        """An issue was to bear it, and does not."""
        if self._is_there:
            self._lost("the forge left it away: the token may not set labels")

    def _made(self) -> bool:
        try:
            self._api.ask("GET", f"{self._labels}/{quote(self._name, safe='')}")
        except Refused as refusal:
            if refusal.status != _MISSING:
                raise
        else:
            return True
        try:
            self._api.ask("POST", self._labels, {"name": self._name, "color": _COLOR, "description": _DESCRIPTION})
        except Refused as refusal:
            if refusal.status != _EXISTS:  # somebody made it meanwhile
                raise
        return True

    def _lost(self, why: str) -> None:
        self._is_there = False
        self.trouble = Outcome(Post.LABEL, Did.FAILED, f"issues have no label {self._name!r}: {why}", _HELP)
