"""A run and its report, from what was asked, answered and judged."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from auditor.answers import Answers
from auditor.judge.judge import Judged
from auditor.model.report import Report, Run
from auditor.source.change import Change
from auditor.version import __version__
from auditor.world import World

_NO_RENDERERS: Final[Mapping[str, str | None]] = MappingProxyType({"helm": None, "kustomize": None})
"""Trees are read by this program alone."""


def run_of(
    command: str, change: Change, world: World, answers: Answers | None = None, notes: tuple[str, ...] = ()
) -> Run:
    """The run of a command on the trees of `change`; `notes` are what else its reader has to know."""
    answers = answers or Answers()
    rendered = world.renderers.notes if world.renderers else ()
    return Run(
        command=command,
        target=change.scope or ".",
        started=world.now,
        version=__version__,
        base=change.base_commit,
        merge_base=change.merge_base_commit,
        head=change.head_commit,
        seconds=world.watch.seconds,
        renderers=dict(world.renderers.used) if world.renderers else _NO_RENDERERS,
        trust=answers.trust,
        notes=(*change.notes, *world.notes, *notes, *rendered, *answers.notes),
    )


def report_of(run: Run, judged: Judged, world: World) -> Report:
    """What was judged, as the report of a run."""
    return Report(run, judged.images, judged.findings, fail_on=world.fail_on, exit_zero=world.exit_zero)
