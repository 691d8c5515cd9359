"""Records come back in the order of their keys, however many runs they were written in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.report.fleet.spool import Spool, sort_key

PARTS = st.tuples(st.text(max_size=6), st.integers(0, 2**63 - 1), st.text(max_size=6))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(PARTS, st.binary(max_size=60)), max_size=60), st.sampled_from((1, 700, 10**6)))
def test_sorted_by_the_parts_and_stable(records: list[tuple[tuple[str, int, str], bytes]], run_bytes: int) -> None:
    with Spool(run_bytes) as spool:
        for parts, body in records:
            spool.add(sort_key(*parts), body)
        expected = [(sort_key(*parts), body) for parts, body in sorted(records, key=lambda record: record[0])]
        assert list(spool) == expected
        assert list(spool) == expected, "as often as asked"
        assert len(spool) == len(records)


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_keys_compare_as_their_parts(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (sort_key(*one) < sort_key(*other)) == (one < other)
    assert (sort_key(*one) == sort_key(*other)) == (one == other)


def test_two_readers_do_not_disturb_each_other() -> None:
    with Spool(300) as spool:
        for number in range(200):
            spool.add(sort_key(number), b"x" * 50)
        assert [a == b for a, b in zip(spool, spool, strict=True)] == [True] * 200


def test_bodies_larger_than_a_read() -> None:
    with Spool(1) as spool:
        bodies = [bytes([number]) * 200_000 for number in range(3)]
        for number, body in enumerate(bodies):
            spool.add(sort_key(9 - number), body)
        assert [body for _key, body in spool] == bodies[::-1]


def test_nothing_can_be_read_of_a_closed_one() -> None:
    spool = Spool(1)
    spool.add(b"a", b"b")
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        list(spool)
