"""Run git, and nothing that a repository or the environment asks git to run. The only place that imports GitPython.

What a repository's own configuration could start is switched off: hooks, the file system monitor, lazy fetches, every
transport. Only plumbing commands are used that know neither filters, text conversion, external diffs nor pagers.
Commands that fetch (`Network`) may use the protocols that they name, and nothing else is different for them.
`GIT_*` variables of the caller (a hook sets `GIT_DIR` and `GIT_INDEX_FILE`) are removed, so that the repository asked for is
the one that is read; discovery is left to git, so that its ownership check (`safe.directory`) holds.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import IO, TYPE_CHECKING, Final

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source.silence import SILENCE

if TYPE_CHECKING:
    from git import Git

_SETTINGS: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.commitGraph=false",  # a stale or forged commit graph must not move the merge base
    "advice.graftFileDeprecated=false",  # it is we who name one, so that none is read
    "protocol.allow=never",
)
_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_KEPT: Final = ("GIT_CEILING_DIRECTORIES", "GIT_CONFIG_", "GIT_EXEC_PATH")
"""Of the person who runs the program: where its git is, and the configuration that may hold `safe.directory`."""
_KEPT_TO_FETCH: Final = ("GIT_SSH", "GIT_SSL_CA", "GIT_PROXY_SSL_CA", "GIT_HTTP_PROXY_AUTHMETHOD")
"""Of the same person: how servers are reached, and which authorities are trusted."""
_DROPPED: Final = "GIT_CONFIG_PARAMETERS"
_UNATTENDED: Final = {
    "GCM_INTERACTIVE": "never",
    "GIT_ASKPASS": "",  # set and empty: nothing is asked, not even what SSH_ASKPASS or the configuration names
    "SSH_ASKPASS": "false",
    "SSH_ASKPASS_REQUIRE": "force",
}
"""Nobody is there to be asked: what needs an answer fails."""
_BOUNDED: Final = ("sh", "-c", 'ulimit -d "$0" 2>/dev/null; exec "$@"', str(DEFAULT.fetch_memory_bytes >> 10))
"""In front of a command that hears what a server says. Where the bound cannot be set, a lower one is set already."""
_CHUNK: Final = 1 << 16
_ERROR_BYTES: Final = 4096
_SMALL: Final = 1 << 20
_DRAIN_SECONDS: Final = 5.0
"""How long to wait for the last of standard error after a command has ended: a child of it may still hold the pipe."""


class GitMissing(SourceError):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """A machine without git."""


class GitFailed(Exception):  # noqa: N818 - a fact about one command, turned into an error or a gap by the caller
    """A git command that ended with a status other than 0; the message is what it wrote to standard error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Stalled(GitFailed):
    """A git command that was waited for in vain; it has been ended."""

    def __init__(self, status: int) -> None:
        super().__init__(status, "git was waited for in vain")


class TooMuchOutput(Exception):  # noqa: N818 - as above
    """A git command that wrote more than it may; it has been ended."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a command that fetches may do: the protocols it may speak (`https`, `ssh`, …), and its own settings.

    `environment` may hold a secret: it is in no command line and in no message.
    """

    protocols: tuple[str, ...]
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class Process:
    """One running git command. Standard error is drained beside it, so that a flood of warnings cannot block it.

    With a `network` it is a session of its own, without a terminal to ask at, and ends together with its children.
    """

    def __init__(self, git: Git, command: Sequence[str], network: Network | None = None) -> None:
        from git.exc import GitCommandNotFound  # noqa: PLC0415 - loaded with `git`, see _gitpython

        self._leads_group = network is not None
        self.stalled = False
        try:
            self._running = git.execute(
                command, istream=PIPE, as_process=True, env=_environment(network), start_new_session=self._leads_group
            )
        except GitCommandNotFound as error:
            message = f"{command[0]} is needed to run git and is not on the PATH"
            raise GitMissing(
                message, help="add the folder of the system's programs, such as /usr/bin, to PATH"
            ) from error
        popen = self._running.proc
        if popen is None or popen.stdin is None or popen.stdout is None or popen.stderr is None:
            raise GitFailed(-1, "git could not be started")
        self._popen = popen
        self.stdin: IO[bytes] = popen.stdin
        self.stdout: IO[bytes] = popen.stdout
        self._stderr: IO[bytes] = popen.stderr
        self._error = b""
        self._drain = threading.Thread(target=self._read_error, daemon=True)
        self._drain.start()

    def _read_error(self) -> None:
        while chunk := self._stderr.read1(_CHUNK):  # type: ignore[attr-defined] # a BufferedReader, typed as IO
            self._error = (self._error + chunk)[-_ERROR_BYTES:]

    def error(self) -> str:
        """The last of what the command wrote to standard error, once it has ended: why it did is said at the end."""
        self._drain.join(_DRAIN_SECONDS)
        return self._error.decode("utf-8", "replace").strip()

    def finish(self) -> None:
        """Wait for the end. Raises GitFailed unless the status is 0."""
        status = self._popen.wait()
        if self.stalled:
            raise Stalled(status)
        if status:
            raise GitFailed(status, self.error())

    def answering(self, seconds: float) -> AbstractContextManager[None]:
        """While it is waited for: it is ended, and `stalled`, where that takes longer.

        A repository may hold pipes where files belong: git opens them, and waits for somebody to write.
        """
        return SILENCE.bounded(seconds, self._give_up)

    def _give_up(self) -> None:
        self.stalled = True
        self.end()

    def end(self) -> None:
        """End the command, and its children where it leads a session. May be called from another thread."""
        if self._leads_group:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()

    def close(self) -> None:
        """End the command, if it still runs, and free its pipes."""
        self.end()
        self._popen.wait()
        self._drain.join(_DRAIN_SECONDS)
        for pipe in (self.stdin, self.stdout, self._stderr):
            try:
                pipe.close()
            except BrokenPipeError:  # a request that was still buffered when the command died
                continue


class Commands:
    """Git commands in one directory. Raises GitMissing on a machine without git.

    `is_git_directory`: it is one itself, of our own making, and nothing has to be discovered. `seconds`: how long git may be silent.
    """

    def __init__(
        self, directory: Path, *, is_git_directory: bool = False, seconds: float = DEFAULT.git_seconds
    ) -> None:
        self.seconds = seconds
        self._git = _gitpython()
        self._directory = os.path.abspath(directory)  # noqa: PTH100 - a string for the command line
        self._where = [f"--git-dir={self._directory}"] if is_git_directory else []

    def start(self, *arguments: str, network: Network | None = None) -> Process:
        """Start a command. The caller closes it."""
        removed = (name for name in os.environ if name.startswith("GIT_") and not _is_kept(name, network))
        scrubbed = [part for name in removed if name not in _environment(network) for part in ("-u", name)]
        settings = [part for setting in (*_SETTINGS, *_more(network)) for part in ("-c", setting)]
        # -C, and not GitPython's own working directory: it falls back to the current one where that cannot be entered.
        git = ["git", "-C", self._directory, *self._where, "--no-pager"]
        bounded = _BOUNDED if network is not None else ()
        return Process(self._git, [*bounded, "env", *scrubbed, *git, *settings, *arguments], network)

    @contextmanager
    def running(self, *arguments: str, network: Network | None = None) -> Iterator[Process]:
        """A command that is closed at the end, whatever happens."""
        process = self.start(*arguments, network=network)
        try:
            yield process
        finally:
            process.close()

    def run(self, *arguments: str, limit: int = _SMALL) -> bytes:
        """All that a command prints, at most `limit` bytes. Raises GitFailed and TooMuchOutput."""
        with self.running(*arguments) as process, process.answering(self.seconds):
            process.stdin.close()
            output = process.stdout.read(limit + 1)
            if len(output) > limit:
                raise TooMuchOutput
            process.finish()
        return output

    def records(self, *arguments: str, limit: int, count: int) -> Iterator[bytes]:
        """The NUL-ended records that a command prints, as they come. Raises GitFailed and TooMuchOutput."""
        with self.running(*arguments) as process:
            process.stdin.close()
            rest = b""
            while chunk := self._more(process):
                *complete, rest = (rest + chunk).split(b"\0")
                limit -= len(chunk)
                count -= len(complete)
                if limit < 0 or count < 0:
                    raise TooMuchOutput
                yield from complete
            process.finish()

    def _more(self, process: Process) -> bytes:
        with process.answering(self.seconds):
            return process.stdout.read(_CHUNK)


def _is_kept(name: str, network: Network | None) -> bool:
    kept = _KEPT if network is None else (*_KEPT, *_KEPT_TO_FETCH)
    return name.startswith(kept) and name != _DROPPED


def _environment(network: Network | None) -> Mapping[str, str]:
    if network is None:
        return _ENVIRONMENT
    allowed = {"GIT_ALLOW_PROTOCOL": ":".join(network.protocols)}
    return {**_ENVIRONMENT, **_UNATTENDED, **network.environment, **allowed}


def _more(network: Network | None) -> tuple[str, ...]:
    return network.settings if network is not None else ()


def _gitpython() -> Git:
    """GitPython's command runner. It runs `git version` when it is imported, and raises there if git is missing."""
    try:
        from git import Git  # noqa: PLC0415 - 0.17 s of CPU that commands without a repository need not spend
    except ImportError as error:
        message = "git is needed to read a repository and is not on the PATH"
        raise GitMissing(message, help="install git 2.30 or newer") from error
    return Git()


def git_version() -> str:
    """What git says of itself, such as `2.47.1`. Raises GitMissing."""
    return Commands(Path.cwd()).run("version").decode("ascii", "replace").strip().removeprefix("git version ")[:60]
