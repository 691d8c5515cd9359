"""One line of what `auditor doctor` says: what was looked at, how it stands, and what to do."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class State(StrEnum):
    """How something stands."""

    OK = "ok"
    WARN = "warn"  # runs work, and will say less than they could
    FAIL = "fail"  # runs will not work, or judge nothing


class Check(Struct, frozen=True):
    """One thing that was looked at. `detail` holds no secret; `help` is what to do, empty where nothing is to be done."""

    name: str
    state: State
    detail: str
    help: str = ""


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name, State.OK, detail)


def warn(name: str, detail: str, help_line: str) -> Check:
    """Runs work, but."""
    return Check(name, State.WARN, detail, help_line)


def fail(name: str, detail: str, help_line: str) -> Check:
    """Runs will not work."""
    return Check(name, State.FAIL, detail, help_line)
