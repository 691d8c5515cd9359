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
        """How many questions to registries one job holds at most, so that there is work for the other workers."""
        ...

    @property
    def by_host(self) -> bool:
        """Whether questions are split into jobs by host: where workers share no rate limit, one alone may ask a host."""
        ...

    @property
    def early(self) -> int:
        """From how many questions on a job may be started early and be given more while it runs (`Job.more`); 0: never."""
        ...

    def run(self, jobs: Iterable[Job | None]) -> Iterator[tuple[Job, Outcome]]:
        """Do the jobs. A job may give several outcomes. `None` in `jobs` means: no job now, try again after the next outcome."""
        ...
