"""Kyverno, policy-controller, opa and conftest beside our reading of the same policies, images and signatures: one table."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.interop.once import told as told_once
from tests.interop.policies.differences import DIFFERENCES, Cell, cause, cells
from tests.interop.policies.page import PAGE, page
from tests.interop.policies.tables import ACCEPTS, REFUSES, SILENT, UNKNOWN

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    programs = ("kyverno", "policy-tester", "opa", "conftest")
    return told_once("tests.interop.policies.judged", tmp_path_factory, *programs)


@pytest.fixture(scope="module")
def known(told: Any) -> list[Cell]:
    return list(cells(told))


def test_we_never_let_in_what_an_engine_refuses(known: list[Cell]) -> None:
    assert [cell for cell in known if cell.kinder] == []


def test_everything_else_is_equal_or_has_a_cause(known: list[Cell]) -> None:
    assert [cell for cell in known if cell.engine != cell.ours and cause(cell) is None] == []


def test_every_cause_is_of_use(known: list[Cell]) -> None:
    differing = [cell for cell in known if cell.engine != cell.ours]
    assert [each for each in DIFFERENCES if not any(each.covers(cell) for cell in differing)] == []


def test_there_are_pairs_enough_and_the_engines_tell_them_apart(known: list[Cell]) -> None:
    """Else an engine that cannot reach its registry would agree with itself about everything."""
    kinds = Counter((cell.table.partition(":")[0], cell.engine) for cell in known)
    for kind, least in {"ClusterPolicy": 60, "ImageValidatingPolicy": 60, "ClusterImagePolicy": 40}.items():
        assert min(kinds[kind, ACCEPTS], kinds[kind, REFUSES]) >= least, kinds
        assert kinds[kind, SILENT], kinds


def test_opa_conftest_and_we_say_the_same(told: Any) -> None:
    words = told["rego"]
    assert {name: said["ours"] for name, said in words.items()} == {name: said["opa"] for name, said in words.items()}
    assert {name: said["conftest"] for name, said in words.items()} == {
        name: said["opa"] for name, said in words.items()
    }
    assert sum(said["opa"] is None for said in words.values()) == 3
    assert sum(bool(said["opa"] and said["opa"]["deny"]) for said in words.values()) >= 10


def test_page_is_current(told: Any) -> None:
    written = PAGE.read_text("utf-8")
    assert written == page(told), "run: python -m tests.interop.policies.page > docs/reference/policy-engines.md"


def test_older_versions_of_kyverno_are_read_no_more_kindly(told: Any) -> None:
    """No older Kyverno is asked here: what is known to be otherwise in it may turn a verdict into doubt, and nothing else."""
    assert {then for rows in told["versions"].values() for *_, then in rows} <= {UNKNOWN}
    classic = {policy for title, policy, *_ in told["versions"]["1.13"] if title.startswith("ClusterPolicy: who")}
    assert classic == {
        "subject-regexp",
        "subject-regexp-anchored",
        "subject-regexp-flags",
        "issuer-regexp",
        "issuer-and-regexp",
        "subject-or-regexp",
    }
