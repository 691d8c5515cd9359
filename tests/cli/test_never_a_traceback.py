"""Whatever comes in, the program answers in its own words and with one of its own statuses."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.cli.house import House

PATIENT = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - name: x\n    image: ghcr.io/acme/x:1\n"
PIECES = (
    *POD.splitlines(keepends=True),
    *("---\n", "- ", "  ", "\t", "{", "}", "[", "]", "&a ", "*a ", "!!binary ", "!x ", "<<: ", "? ", ": ", "|\n", ">-\n", "'", '"'),
    *("\\x61", "${X}", "{{ .X }}", "\x00", "\ufeff", "\u2028", "\U0001f600", "%YAML 1.1\n", "kind: List\nitems:\n", "image:", "@sha256:"),
)  # fmt: skip
ARGUMENTS = (
    *("--base", "--head", "--image", "--config", "--format", "-f", "--fail-on", "--jobs", "--color", "-v", "-q", "--offline"),
    *("json", "table", "github", "csv", "main", "HEAD", "HEAD~9", ".", "-", "api.yaml", "auditor.yaml", "trust", "error", "1"),
    *("", "\n", "::error::", "\x1b[31m", "..", "/", "a=b", "json=", "@{u}", "main^{tree}", "--", "--exit-zero", "ghcr.io/acme/x:1"),
)  # fmt: skip


def mixed() -> some.SearchStrategy[bytes]:
    """Manifests in pieces, and bytes that are none."""
    pieces = some.lists(some.sampled_from(PIECES), max_size=40).map(lambda parts: "".join(parts).encode())
    return some.one_of(pieces, some.binary(max_size=200), some.tuples(pieces, some.binary(max_size=9)).map(b"".join))


@pytest.fixture
def tried(house: House) -> House:
    house.commit_base()
    return house


@PATIENT
@given(content=mixed())
def test_any_manifest(tried: House, content: bytes) -> None:
    ran = tried.run("check", "-", "--offline", "-v", stdin=content).clean_of_tracebacks()
    assert ran.status in (0, 1, 3)
    assert "\x1b" not in ran.out + ran.err


@PATIENT
@given(content=mixed())
def test_any_rules_file(tried: House, content: bytes) -> None:
    (tried.repo / "auditor.yaml").write_bytes(content)
    ran = tried.run("check", ".", "--offline").clean_of_tracebacks()
    assert ran.status in (0, 1, 2, 3)
    assert bool(ran.err) == (ran.status == 2)
    assert "\x1b" not in ran.out + ran.err


@PATIENT
@given(
    arguments=some.lists(some.sampled_from(ARGUMENTS), max_size=5),
    command=some.sampled_from(["check", "images", "explain"]),
)
def test_any_arguments(tried: House, command: str, arguments: list[str]) -> None:
    ran = tried.run(command, *arguments, environ={"AUDITOR_OFFLINE": "1"}).clean_of_tracebacks()
    assert ran.status in (0, 1, 2, 3)
    if ran.status == 2:
        assert ran.out == ""
        assert ran.err.startswith("error: ")
        assert "\n  help: " in ran.err
    assert "\x1b" not in ran.err
