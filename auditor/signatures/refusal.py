"""How a step of the recipe says no. Never leaves this package: `verify.py` turns it into evidence."""

from __future__ import annotations

from typing import Final, Never

from auditor.model.evidence import Step

_LONGEST: Final = 400


class Refusal(Exception):  # noqa: N818 - it is an outcome of one signature, not an error of the program
    """One signature fails at one step. `why` is one sentence, bounded; the reporters escape it."""

    def __init__(self, step: Step, why: str) -> None:
        super().__init__(why)
        self.step = step
        self.why = why if len(why) <= _LONGEST else why[: _LONGEST - 1] + "…"


def refuse(step: Step, why: str) -> Never:
    """Say no."""
    raise Refusal(step, why)
