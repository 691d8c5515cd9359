"""Small blobs that were read last are kept, within a bound."""

from __future__ import annotations

from auditor.source.objects import Kept

SMALL = 64 * 1024
ALL = 16 * 1024 * 1024


def test_what_was_put_is_there() -> None:
    kept = Kept()
    kept.put("a", b"text")
    assert kept.get("a") == b"text"
    assert "a" in kept
    assert kept.get("b") is None


def test_empty_content_is_content() -> None:
    kept = Kept()
    kept.put("a", b"")
    assert kept.get("a") == b""


def test_what_is_large_is_not_kept() -> None:
    kept = Kept()
    kept.put("a", bytes(SMALL + 1))
    assert "a" not in kept


def test_the_oldest_go_first() -> None:
    kept = Kept()
    count = ALL // SMALL
    for number in range(count + 2):
        kept.put(str(number), bytes(SMALL))
        kept.put(str(number), bytes(SMALL))  # a second time counts for nothing
    held = [number for number in range(count + 2) if str(number) in kept]
    assert held == list(range(2, count + 2))
