"""Changes to what runs auditor, and to who owns the rules."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from auditor.judge.findings.guards import guard_changes
from auditor.model.finding import Level
from auditor.source.tree import Unreadable
from tests.support.judging import rules

RUNS = b"jobs:\n  gate:\n    steps:\n      - run: pipx run auditor check --base origin/main\n"
IDLE = b"jobs:\n  build:\n    steps:\n      - run: make\n"


def told(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    changed = frozenset(path for path in {*before, *after} if before.get(path) != after.get(path))
    found = guard_changes(rules(), before.get, after.get, changed)
    assert all((each.rule, each.level) == ("rules-changed", Level.WARNING) for each in found)
    return [each.place.file for each in found if each.place]


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/gate.yaml",
        ".github/workflows/gate.yml",
        ".gitea/workflows/gate.yaml",
        ".forgejo/workflows/gate.yaml",
        ".github/actions/gate/action.yml",
        "action.yaml",
        ".gitlab-ci.yml",
        "bitbucket-pipelines.yml",
        "Jenkinsfile",
        "ci/Jenkinsfile",
    ],
)
def test_each_pipeline_that_runs_it(path: str) -> None:
    assert told({path: RUNS}, {path: RUNS + b"# more\n"}) == [path]
    assert told({path: RUNS}, {path: IDLE}) == [path]
    assert told({path: RUNS}, {}) == [path]
    assert told({}, {path: RUNS}) == [path]
    assert told({path: IDLE}, {path: IDLE + b"# more\n"}) == []


@pytest.mark.parametrize(
    "path", ["docs/gate.yaml", ".github/workflows/a/gate.yaml", "apps/action.yaml.md", "Jenkinsfile.d/x"]
)
def test_what_is_no_pipeline_runs_nothing(path: str) -> None:
    assert told({path: RUNS}, {path: IDLE}) == []


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        (b"- uses: acme/auditor@v1", True),
        (b"- uses: acme/auditor-action@0123456789", True),
        (b"image: ghcr.io/acme/auditor:1.2", True),
        (b"- run: python -m auditor check", True),
        (b"- run: pip install 'auditor==1.2.3'", True),
        (b"  script: [auditor, check]", True),
        (b"# auditor was here", False),
        (b"  // auditor was here", False),
        (b"- run: ask the auditors", False),
        (b"- run: coauditor", False),
    ],
)
def test_what_names_it(line: bytes, *, runs: bool) -> None:
    path = ".github/workflows/gate.yaml"
    assert bool(told({path: IDLE + line}, {path: IDLE})) is runs


def test_a_pinned_version_is_part_of_it() -> None:
    path = ".github/workflows/gate.yaml"
    assert told({path: b"- uses: acme/auditor@v2"}, {path: b"- uses: acme/auditor@v1"}) == [path]


def test_a_pipeline_that_cannot_be_read_may_run_it() -> None:
    def unreadable(_path: str) -> bytes | None:
        raise Unreadable("too large")

    path = ".github/workflows/gate.yaml"
    assert len(guard_changes(rules(), {path: IDLE}.get, unreadable, frozenset({path}))) == 1


@pytest.mark.parametrize("path", ["CODEOWNERS", ".github/CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"])
def test_owners(path: str) -> None:
    owned = b"/auditor.yaml @acme/security\n"
    assert told({path: owned}, {path: b"* @acme/all\n"}) == [path]
    assert told({path: owned}, {}) == [path]
    assert told({}, {path: owned}) == []
    assert told({path: owned}, {path: owned}) == []


def test_another_file_of_owners_may_take_the_place_of_the_one_that_counts() -> None:
    owned = {"docs/CODEOWNERS": b"/auditor.yaml @acme/security\n"}
    assert told(owned, {**owned, ".github/CODEOWNERS": b""}) == [".github/CODEOWNERS"]


def test_the_level_is_that_of_the_rules() -> None:
    strict = replace(rules(), levels={"rules-changed": Level.ERROR})
    (found,) = guard_changes(strict, {"CODEOWNERS": b"a"}.get, {"CODEOWNERS": b"b"}.get, frozenset({"CODEOWNERS"}))
    assert found.level is Level.ERROR
