"""What can go wrong before there is a report, and what the reader can do about it.

`AuditorError` is the base of everything raised on purpose. Every error carries a `help` line with the next step; none of
them exits the process: the command line turns them into an exit status (`docs/reference/exit-status.md`).

    AuditorError
    ├── UsageError          the command line asks for something impossible (exit 2)
    ├── ConfigurationError  one or more problems in `auditor.yaml` or a file that it names (exit 2)
    ├── SourceError         a revision, repository or folder that cannot be read (exit 2)
    ├── HistoryError        the history of audits cannot be read or written (`history.store`; exit 2)
    ├── Unsayable           the rules cannot be exported into a policy language (`policies.export`; exit 2)
    ├── Garbled             JSON between the parts of an audit that is not what was asked for (`fleet.wire`)
    └── Interrupted         a renderer was stopped because the run must end (`manifests.render.sandbox`)

The last two occur in audits only, which make them the failure of one repository.

What goes wrong with one image, one file or one signature is *not* an exception: it is a value in the evidence, so that every
other image is still judged.
"""

from __future__ import annotations

from msgspec import Struct


class AuditorError(Exception):
    """Base of all errors raised on purpose: a message, and a `help` line with the next step."""

    def __init__(self, message: str, *, help: str) -> None:  # noqa: A002 - "help" is the field's word, as on findings
        super().__init__(message)
        self.message = message
        self.help = help


class UsageError(AuditorError):
    """The command line asks for something that cannot be done."""


class SourceError(AuditorError):
    """A revision, a repository or a folder that cannot be read."""


class Problem(Struct, frozen=True):
    """One mistake in a configuration file: where it is (1-based line, 0 when unknown), what is wrong, what to do."""

    file: str
    line: int
    message: str
    help: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class ConfigurationError(AuditorError):
    """Every problem found in the configuration, at once and in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        if not problems:
            raise ValueError("a configuration error needs at least one problem")
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        super().__init__(f"{count} in the configuration", help=problems[0].help)
        self.problems = problems
