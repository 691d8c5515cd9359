"""Ranges of versions as Masterminds semver v3 reads them: each case was answered by the library itself."""

from __future__ import annotations

import pytest

from auditor.manifests.helm.semver import Range, Version, is_exact, newest


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("1.2.3", ["1.2.3", "v1.2.3", "1.2.3+b"], ["1.2.4", "1.2.3-rc.1"]),
        ("1.x", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.0", "1.5.0-rc.1"]),
        ("1", ["1.0.0", "1.9.9"], ["2.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        ("~1", ["1.9.0"], ["2.0.0"]),
        ("^1.2.3", ["1.2.3", "1.9.0"], ["2.0.0", "1.2.2"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0", "1.2.3"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        (">=1.2 <2", ["1.2.0", "1.9.9"], ["2.0.0", "1.1.9"]),
        (">=1.2, <2 || 3.x", ["1.5.0", "3.1.0"], ["2.0.0"]),
        (">1", ["2.0.0"], ["1.9.0"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("!=1.2", ["1.3.0", "2.2.0"], ["1.2.0", "1.2.7"]),
        ("1.2 - 1.4.5", ["1.2.0", "1.4.5"], ["1.4.6", "1.1.0"]),
        (">=1.0.0-0", ["1.0.0-rc.1", "1.0.0"], ["0.9.0"]),
        ("*", ["0.0.1", "9.0.0"], ["1.0.0-rc.1"]),
    ],
)
def test_a_range(text: str, inside: list[str], outside: list[str]) -> None:
    meant = Range.parse(text)
    assert meant is not None
    for version, expected in [*((one, True) for one in inside), *((one, False) for one in outside)]:
        read = Version.parse(version)
        assert read is not None
        assert meant.holds(read) is expected, version


@pytest.mark.parametrize("text", ["", "a", "1.2.3.4", ">", "1.0 ||", "1.2.x.y", "x" * 600, "||".join(["1"] * 40)])
def test_what_is_no_range(text: str) -> None:
    assert Range.parse(text) is None


@pytest.mark.parametrize("text", ["", "1.2.3.4", "a.b.c", "1.0.0-01", "1.2.3-", "1" * 300, f"{2**64}.0.0"])
def test_what_is_no_version(text: str) -> None:
    assert Version.parse(text) is None


def test_precedence() -> None:
    """Semantic Versioning 2.0.0, section 11."""
    order = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    read = [version for text in order if (version := Version.parse(text)) is not None]
    assert sorted(read, reverse=True) == read[::-1]
    assert len(read) == len(order)


def test_the_newest_that_is_meant() -> None:
    held = ["1.2.3", "10.0.0", "9.0.0", "11.0.0-rc.1", "latest", "2.0"]
    assert newest(held, "") == "10.0.0"
    assert newest(held, "latest") == "latest", "what is there as it is written"
    assert newest(held, "<3") == "2.0"
    assert newest(held, "7.x") is None
    assert newest(held, "nonsense") is None
    assert is_exact("v1.2.3+b")
    assert not is_exact("1.2")
