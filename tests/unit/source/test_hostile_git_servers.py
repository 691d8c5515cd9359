"""Mirrors of servers that mean harm, or are none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source import commands
from auditor.source.mirror import EmptyRepository
from tests.support.hostile_git import ENDLESS, HostileGit
from tests.unit.source.test_mirrors import again, home  # noqa: F401 - a fixture


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_a_server_says_without_end_is_not_kept_without_end(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git keeps it in memory: there it meets its bound, long before the time is over."""
    *bounded, _ = commands._BOUNDED
    monkeypatch.setattr(commands, "_BOUNDED", (*bounded, str(192 << 10)))
    with HostileGit(kind) as server, pytest.raises(SourceError, match="more than git may keep in memory") as raised:
        again(tmp_path).open(server.url)
    assert "Out of memory" in raised.value.message


def test_the_dumb_protocol_leads_nowhere(tmp_path: Path) -> None:
    """It could name other servers, for their objects: nobody is asked there."""
    with HostileGit("garbage") as victim, HostileGit("dumb", victim.url) as server:
        for ref in (None, "main", "1" * 40):
            with pytest.raises(SourceError):
                again(tmp_path).open(server.url, ref)
        assert server.asked
        assert victim.asked == []


@pytest.mark.parametrize("kind", ["garbage", "nothing", "dumb-nothing"])
def test_a_server_that_does_not_speak_git_is_no_empty_repository(kind: str, tmp_path: Path) -> None:
    """Git takes its page for a repository without branches: it would deploy nothing, and be clean."""
    with HostileGit(kind) as server:
        for ref in (None, "main"):
            with pytest.raises(SourceError) as raised:
                again(tmp_path).open(server.url, ref)
            assert not isinstance(raised.value, EmptyRepository)
        with pytest.raises(SourceError, match="smart protocol"):
            again(tmp_path).open(server.url)


def test_a_drip_ends_with_the_time(tmp_path: Path) -> None:
    limits = replace(DEFAULT, fetch_seconds=2.0)
    started = time.monotonic()
    with HostileGit("drip") as server, pytest.raises(SourceError, match="no end after 2 seconds"):
        again(tmp_path, limits=limits).open(server.url)
    assert time.monotonic() - started < 60
