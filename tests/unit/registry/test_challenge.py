from __future__ import annotations

import pytest

from auditor.registry.challenge import Challenge, parse


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", ()),
        ("Basic", (Challenge("basic"),)),
        ('Basic realm="x"', (Challenge("basic", {"realm": "x"}),)),
        (
            'Bearer realm="https://a.example/t?x=1,2",service="s",scope="repository:a/b:pull,push"',
            (
                Challenge(
                    "bearer",
                    {"realm": "https://a.example/t?x=1,2", "service": "s", "scope": "repository:a/b:pull,push"},
                ),
            ),
        ),
        (
            'Negotiate, Basic realm="a, Bearer b", Bearer realm="https://r.example"',
            (
                Challenge("negotiate"),
                Challenge("basic", {"realm": "a, Bearer b"}),
                Challenge("bearer", {"realm": "https://r.example"}),
            ),
        ),
        ("Negotiate YWJjZA==, Basic realm=x", (Challenge("negotiate"), Challenge("basic", {"realm": "x"}))),
        (r'Basic realm="say \"hi\""', (Challenge("basic", {"realm": 'say "hi"'}),)),
        (
            "BEARER Realm=https://r.example/token , Service = s",
            (Challenge("bearer", {"realm": "https://r.example/token", "service": "s"}),),
        ),
        ('Bearer realm="a",realm="b"', (Challenge("bearer", {"realm": "a"}),)),
        ('Bearer realm="unfinished', (Challenge("bearer"),)),
    ],
)
def test_challenges(header: str, expected: tuple[Challenge, ...]) -> None:
    assert parse(header) == expected
