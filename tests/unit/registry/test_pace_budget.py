"""How many requests a host is trusted with, after what it has answered: a budget that neither collapses nor presses on."""

from __future__ import annotations

import random
import time

import pytest

from auditor.limits import DEFAULT
from auditor.model.evidence import FaultKind
from auditor.registry.faults import Failed
from auditor.registry.pace import HostPace

FULL = DEFAULT.connections_per_host


def windows(pace: HostPace, share: float, count: int, seed: int) -> list[int]:
    """The budget before each window: as many requests as it allows, all sent at once, of which a share is refused."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    budgets = []
    for _ in range(count):
        budgets.append(pace._budget)
        began = time.monotonic()
        for _ in range(pace._budget):
            if chance.random() < share:
                pace.failed(Failed(FaultKind.RATE_LIMITED, "refused", wait=0.0), began)
            else:
                pace.answered()
    return budgets


@pytest.mark.parametrize("seed", range(5))
def test_now_and_then_a_refusal_costs_little(seed: int) -> None:
    """Every tenth answer is a refusal, over thousands of them: most of the budget is left."""
    budgets = windows(HostPace(DEFAULT), 0.1, 200, seed)
    assert sum(budgets) / len(budgets) > FULL * 0.7


@pytest.mark.parametrize("seed", range(5))
def test_who_refuses_most_is_asked_little(seed: int) -> None:
    budgets = windows(HostPace(DEFAULT), 0.7, 200, seed)
    assert sum(budgets[20:]) / len(budgets[20:]) < FULL * 0.1


def test_who_refuses_all_is_asked_once_and_is_trusted_again() -> None:
    pace = HostPace(DEFAULT)
    assert windows(pace, 1.0, 3, 1) == [FULL, 1, 1]
    assert windows(pace, 0.0, 2_000, 1)[-1] == FULL


def test_what_was_under_way_together_counts_once() -> None:
    pace = HostPace(DEFAULT)
    began = time.monotonic()
    for _ in range(6):
        pace.failed(Failed(FaultKind.RATE_LIMITED, "refused", wait=0.0), began)
        pace.answered()
    assert pace._budget == FULL - 1
    pace.failed(Failed(FaultKind.RATE_LIMITED, "refused", wait=0.0), time.monotonic())
    assert pace._budget == FULL - 2
