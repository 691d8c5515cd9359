"""What goes wrong with one target, as its failure."""

from __future__ import annotations

from typing import Final

from auditor.errors import AuditorError, ConfigurationError
from auditor.model.audit import Failure, Stage

_TOLD: Final = 3
"""Mistakes of a file that are told; the others come up once these are mended."""


def failure_of(stage: Stage, error: AuditorError) -> Failure:
    """The failure that an error is; of mistakes in rules, the first of them."""
    if isinstance(error, ConfigurationError):
        return Failure(stage, "; ".join(str(problem) for problem in error.problems[:_TOLD]), error.help)
    return Failure(stage, error.message, error.help)
