"""What holds for every test: properties judge the change and nothing else, programs can be interrupted, the longest begin first."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

# How long one input takes is the machine's, unless a test says what it bounds. The inputs are the same in every run: a change
# is told what it broke, not what nobody has met yet. `make fuzz` looks for that, and says what to search with AUDITOR_EXAMPLES.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("patient")

# A shell starts what stands behind `&` deaf to interrupts, and so is every program that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)  # after tests with other marks were left out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A long test that begins last leaves all workers but one without work: `slow(seconds)` begins early, each with another worker.

    pytest-xdist gives each worker a stretch of the list to begin with (`--dist worksteal`).
    """
    seconds = {item: mark.args[0] for item in items for mark in item.iter_markers("slow") if mark.args}
    longest = sorted(seconds, key=lambda item: -seconds[item])
    others = [item for item in items if item not in seconds]
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    ends = [len(others) * worker // workers for worker in range(workers + 1)]
    items.clear()
    for worker in range(workers):
        items += longest[worker::workers] + others[ends[worker] : ends[worker + 1]]
