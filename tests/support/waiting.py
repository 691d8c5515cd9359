"""Waiting for what must happen, on a machine that may do much else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 90.0
"""Seconds: many times what anything that is waited for takes."""


def until(met: Callable[[], Any]) -> None:
    """Look again and again. Raises AssertionError if it never comes to that."""
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
