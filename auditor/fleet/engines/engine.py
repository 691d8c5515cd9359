"""What does the work of an audit: threads of this process, or workers on other machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

from auditor.fleet.work import Job, Lost

Outcome: TypeAlias = bytes | Lost


class Engine(Protocol):
    """One method: jobs in, what came of them out, as it comes and in any order.

    What goes wrong with a job is an outcome of it: a `Failure` in what it gave, or `Lost` where nothing came back. `jobs` is
    read as there is room for more, so that a million of them need no more memory than a few. Closing the iterator ends what is
    under way.
    """

    @property
    def batch(self) -> int:
        """How many questions to registries make a job: as many as one worker may take away from the others."""
        ...

    @property
    def by_host(self) -> bool:
        """Whether many questions are divided by the hosts that they go to: workers know nothing of each other's pace."""
        ...

    @property
    def early(self) -> int:
        """Of so many questions a job may be made that is given more while it is done (`Job.more`); 0: of none."""
        ...

    def run(self, jobs: Iterable[Job | None]) -> Iterator[tuple[Job, Outcome]]:
        """Do the jobs. A job may give several outcomes. None among them: ask again when something else is done."""
        ...
