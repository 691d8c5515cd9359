"""One remote repository: fetch a commit without its files, then the files that are read, all at once.

What a server may do to us is bounded: no protocol but the address's own, no redirect to another host, no address that it names
for packs or bundles, no prompt, a time, a size. A login goes to the origin it belongs to, through the environment of a helper
that is ours; helpers of the user's configuration are asked where we have none.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from auditor.errors import SourceError, UsageError
from auditor.limits import Limits
from auditor.source.addresses import Address, Login, read_address
from auditor.source.commands import Commands, GitFailed, Network
from auditor.source.remote_faults import has_moved, unreachable
from auditor.source.transfer import Bounds, Ended, transfer

NAME: Final = "auditor"
"""What the remote is called: no configuration of a user speaks of a remote of this name."""
PARTIAL: Final = (f"remote.{NAME}.promisor=true", f"remote.{NAME}.partialCloneFilter=blob:none")
"""Given to each command that writes, and in no file: commands that read then ask nobody for what is missing."""
_FETCH: Final = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
)
_SETTINGS: Final = (
    "protocol.version=2",
    "fetch.unpackLimit=1",  # a pack is kept as it came
    "fetch.uriProtocols=",
    "transfer.bundleURI=false",
    "fetch.prune=false",
    "fetch.pruneTags=false",
    "fetch.writeCommitGraph=false",
    "fetch.output=full",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1024",
    "credential.interactive=false",
    "gc.auto=0",
)
_NO_HAVES: Final = "fetch.negotiationAlgorithm=noop"
_SERVICE: Final = "/info/refs?service=git-upload-pack"
_LOCATION: Final = re.compile(r"<= Recv header: location: (\S{1,2000})", re.IGNORECASE)
_SPEAKS_GIT: Final = re.compile(
    r"<= Recv header: content-type: application/x-git-upload-pack-advertisement", re.IGNORECASE
)
"""gitprotocol-http(5), "Smart Server Response"."""
_TRACE_BYTES: Final = 1 << 20
_SSH: Final = "ssh -oBatchMode=yes -oConnectTimeout=20"
_HELPER: Final = (
    '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$AUDITOR_GIT_USER" "$AUDITOR_GIT_PASSWORD"; }; f'
)


class Remote:
    """The remote of one mirror. Raises GitFailed where git says why, and Ended at a bound."""

    def __init__(
        self, address: Address, login: Login | None, folder: Path, limits: Limits, stop: threading.Event
    ) -> None:
        self.url = address.url
        self._origin = (address.protocol, address.host)
        self._login = login
        self._folder = folder
        self._limits = limits
        self._stop = stop
        self._commands = Commands(folder, is_git_directory=True)
        self._environment = {**self._login_environment(), **self._ssh_environment()}

    def fetch(self, source: str, ref: str, *, whole: bool = False) -> None:
        """Have `ref` name what `source` names there: a commit and its trees. `whole`: and every file, had or not."""
        settings = (_NO_HAVES,) if whole else PARTIAL
        self._run((*_FETCH, "--depth=1", NAME, f"+{source}:{ref}"), settings)

    def objects(self, names: Sequence[str], most: int) -> None:
        """Bring objects by their names, in one exchange; at most `most` bytes. Raises TooLarge beyond."""
        stdin = "".join(f"{name}\n" for name in names).encode("ascii")
        self._run((*_FETCH, "--stdin", NAME), (*PARTIAL, _NO_HAVES), stdin=stdin, most=most)

    def named(self, names: Sequence[str]) -> dict[str, str]:
        """Which of some full names of branches and tags there are, and the object of each."""
        output = self._run(("ls-remote", "--quiet", "--heads", "--tags", NAME, *names), ())
        listed = (line.split("\t") for line in output.decode("utf-8", "surrogateescape").splitlines())
        return {fields[1]: fields[0] for fields in listed if len(fields) == 2 and fields[1] in names}

    def is_empty(self) -> bool:
        """Whether it has neither a branch nor a tag. Raises SourceError for a web server that does not speak git.

        Git takes a page of HTML, or an empty one, for a repository of the dumb protocol that has nothing.
        """
        if self._run(("ls-remote", "--quiet", "--heads", "--tags", NAME), ()):
            return False
        if self._origin[0] in {"http", "https"} and not _SPEAKS_GIT.search(self._traced()):
            raise SourceError(
                f"{self.url} does not speak git's smart protocol",
                help="look at what answers there: a page to sign in at, or a proxy",
            )
        return True

    def _run(
        self, arguments: tuple[str, ...], settings: tuple[str, ...], *, stdin: bytes = b"", most: int | None = None
    ) -> bytes:
        limits = self._limits
        bounds = Bounds(self._folder, limits.fetch_seconds, limits.fetch_bytes if most is None else most, self._stop)
        for _ in range(limits.redirects + 1):
            try:
                return transfer(self._commands, arguments, self._network(settings), bounds, stdin)
            except GitFailed as error:
                if not has_moved(error.message):
                    raise
                self.url = self._location(error)
        raise SourceError(f"{self.url} redirects without end", help="give the address that it has now")

    def _network(self, settings: tuple[str, ...], **environment: str) -> Network:
        protocol, host = self._origin
        url = f"remote.{NAME}.url={self.url}"
        stalled = f"http.lowSpeedTime={self._limits.fetch_stalled_seconds}"
        asked = f"credential.{protocol}://{host}.helper="
        helper = (asked, f"{asked}{_HELPER}") if self._login is not None else ()
        return Network(
            (protocol,), (*_SETTINGS, stalled, url, *helper, *settings), {**self._environment, **environment}
        )

    def _login_environment(self) -> Mapping[str, str]:
        if self._login is None:
            return {}
        return {"AUDITOR_GIT_USER": self._login.user or "git", "AUDITOR_GIT_PASSWORD": self._login.password}

    def _ssh_environment(self) -> Mapping[str, str]:
        """The questions of ssh itself are refused, unless the user has a command for it: that one has no terminal to ask at."""
        if self._origin[0] != "ssh" or "GIT_SSH_COMMAND" in os.environ or "GIT_SSH" in os.environ:
            return {}
        try:
            configured = self._commands.run("config", "--get", "core.sshCommand").strip()
        except GitFailed:
            configured = b""
        return {} if configured else {"GIT_SSH_COMMAND": _SSH}

    def _location(self, failure: GitFailed) -> str:
        """Where the repository has moved to, if it is on the same host: git is made to tell where it was sent."""
        found = _LOCATION.search(self._traced())
        if found is None:
            raise unreachable(self.url, failure.message)
        return self._same_host(urljoin(self.url + _SERVICE, found[1]))

    def _traced(self) -> str:
        """What git tells of its exchange with the server when it asks for branches."""
        with tempfile.TemporaryDirectory() as folder:
            trace = Path(folder) / "trace"
            tracing = {"GIT_TRACE_CURL": str(trace), "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
            bounds = Bounds(self._folder, self._limits.fetch_seconds, self._limits.fetch_bytes, self._stop)
            with suppress(GitFailed, Ended):  # it redirects, as before
                asked = ("ls-remote", "--quiet", "--heads", NAME)
                transfer(self._commands, asked, self._network((), **tracing), bounds)
            try:
                with trace.open("rb") as file:
                    return file.read(_TRACE_BYTES).decode("utf-8", "replace")
            except OSError:
                return ""

    def _same_host(self, location: str) -> str:
        if location.endswith(_SERVICE):
            try:
                moved = read_address(location.removesuffix(_SERVICE), plain_http=self._origin[0] == "http")
            except UsageError:
                moved = None
            if moved is not None and (moved.protocol, moved.host) == self._origin and moved.login is None:
                return moved.url
        raise SourceError(f"{self.url} redirects to another place", help="give the address that it has now")
