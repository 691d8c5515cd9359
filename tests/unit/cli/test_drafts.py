"""A report that is written while its audit goes on: where its temporary file does not fit, the audit goes on without it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from auditor.cli.fleet_reports import drafts
from auditor.report.fleet.spool import Spool
from auditor.report.options import RenderOptions
from tests.support import fleets

WANTED = (("json", Path("audit.json")),)


def test_what_is_drafted_is_ready_to_be_written() -> None:
    fleet = fleets.five()
    with drafts(WANTED) as some:
        for audited in reversed(fleet.audited):
            some.add(audited)
        text = "".join(some.texts["json"](fleet, RenderOptions()))
        assert all(f'"name": "{name}"' in text for name in ("shop", "platform", "billing"))


def test_a_full_disk_costs_the_draft_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    fleet = fleets.five()
    with drafts(WANTED) as some:
        some.add(fleet.audited[0])
        monkeypatch.setattr(Spool, "add", full)
        some.add(fleet.audited[1])
        monkeypatch.undo()
        some.add(fleet.audited[2])
        assert some.texts == {}, "one with less in it would be worse than none"


def test_no_file_is_made_for_what_nobody_asked_for() -> None:
    with drafts((("table", None),)) as some:
        some.add(fleets.five().audited[0])
        assert some.texts == {}
