"""What a process has at hand to do an audit's work: programs, clones, connections. Made once in each, and kept while it works."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from msgspec.structs import replace

from auditor.answers import registries
from auditor.config.rules import RegistrySettings, Rules
from auditor.errors import SourceError, UsageError
from auditor.fetching import charts_folder
from auditor.fleet.settings import Rulings, Settings
from auditor.folders import cache_folder
from auditor.limits import DEFAULT, Limits
from auditor.manifests.render.sandbox import Patience
from auditor.manifests.render.tools import Renderers, renderers_for
from auditor.model.audit import Target
from auditor.progress import SILENT, Progress
from auditor.publish import organisations
from auditor.registry.endpoint import origin_of
from auditor.registry.material import Registry
from auditor.registry.pace import Pace
from auditor.registry.store import CacheSettings
from auditor.rules_file import Loaded, RulesFile, read_rules
from auditor.source.addresses import Login, is_address
from auditor.source.change import Change, open_change
from auditor.source.memory import MemoryTree, contents
from auditor.source.mirror import EmptyRepository, Mirrors
from auditor.source.peek import head_commit
from auditor.source.tree import Tree, is_below
from auditor.stopwatch import Stopwatch
from auditor.world import World

_HEAD: Final = "HEAD"
_SHARE: Final = 4
"""One fetch, and what renders one tree, may take this part of a run: where something hangs, time is left to judge the others."""


class Workshop:
    """Thread-safe. A context manager: leaving it closes what it has opened. Raises UsageError for programs that are missing.

    `environ` is the environment of this very process: a worker on another machine has credentials of its own, and none of the
    `logins` that addresses on a command line held.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        progress: Progress = SILENT,
        limits: Limits = DEFAULT,
        *,
        logins: Mapping[str, Login] | None = None,
    ) -> None:
        self.settings = settings
        self.rulings = Rulings(settings.rulings)
        self._environ = environ
        self._progress = progress
        # Whoever has the run ends it: by itself a registry would give up what it cannot wait for any more, and tell that as an answer.
        self._limits = replace(
            limits.asking(settings.jobs),
            run_seconds=settings.seconds + limits.retry_after_seconds,
            git_seconds=min(limits.git_seconds, settings.seconds / _SHARE),
        )
        self._pace = Pace(self._limits, progress)
        self._renderers = renderers_for(settings.render, environ)
        self._charts = charts_folder(self._renderers) if settings.fetch_charts else None
        self._open = ExitStack()
        self._also_stopped: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._given: dict[int, Loaded] = {}
        self._registries: dict[str, Registry] = {}
        self._mirrors = Mirrors(
            cache_folder("mirrors"),
            replace(limits, fetch_seconds=min(limits.fetch_seconds, settings.seconds / _SHARE)),
            logins={**organisations.logins(environ), **(logins or {})},
            offline=settings.offline,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def world(self) -> World:
        """What one piece of work is given. What it notes down is its own."""
        settings = self.settings
        return World(
            environ=self._environ,
            now=settings.started,
            watch=Stopwatch(time.monotonic, self._progress),
            offline=settings.offline,
            second_opinion=settings.second_opinion,
            jobs=settings.jobs,
            fail_on=settings.fail_on,
            exit_zero=settings.exit_zero,
            cache=self._cache(),
            renderers=self._renderers and self._tools(self._renderers),
            charts=self._charts,
            versions=settings.versions,
        )

    def _tools(self, found: Renderers) -> Renderers:
        """The programs that render, for one piece of work."""
        seconds = self.settings.seconds / _SHARE
        return Renderers(found.kustomize, found.helm, seconds=seconds, over=self._over.is_set)

    @cached_property
    def renders_by(self) -> str:
        """What renders, and which version of it: for telling what these programs made from what others would make.

        Raises Interrupted where the run must end before they have said it.
        """
        found = self._renderers
        if found is None:
            return ""
        patience = Patience(time.monotonic() + self.settings.seconds / _SHARE, self._over.is_set)
        return "|".join((found.identity, *(tool.version(patience) for tool in (found.kustomize, found.helm) if tool)))

    def stop(self) -> None:
        """Let no registry be asked any more, no repository be fetched, nothing be rendered; what is under way ends."""
        self._over.set()
        self._mirrors.stop()
        self._pace.stop()
        with self._lock:
            opened = list(self._registries.values())
        for registry in opened:
            registry.stop()
        for also in self._also_stopped:
            also()

    def when_stopped(self, stop: Callable[[], None]) -> None:
        """Have something else end with this."""
        self._also_stopped.append(stop)

    @contextmanager
    def open(self, target: Target) -> Iterator[tuple[Change, RulesFile]]:
        """The tree of a target, and the rules that judge it. Raises SourceError."""
        with self._change(target) as change:
            if target.path and not _holds(change.head, change.scope):
                message = f"{target.path} is not in {target.address} at {target.ref or _HEAD}"
                raise SourceError(message, help="name a folder that is there; one that was removed deploys nothing")
            yield change, self._rules_file(target, change)

    def _change(self, target: Target) -> AbstractContextManager[Change]:
        return self._mirrored(target) if is_address(target.address) else self._at_hand(target)

    @contextmanager
    def _mirrored(self, target: Target) -> Iterator[Change]:
        try:
            found = self._mirrors.open(target.address, target.ref)
        except EmptyRepository as error:
            yield Change(MemoryTree({}, target.address), scope=target.path, notes=(error.message,))
            return
        with found:
            tree = found.repository.tree(found.commit)
            yield Change(tree, scope=target.path, head_commit=found.commit, repository=found.repository)

    def is_at(self, target: Target, commit: str | None) -> bool:
        """Whether a repository of this machine is, for sure, still at that commit. False where git has to be asked."""
        if commit is None or target.ref is not None or is_address(target.address):
            return False
        return head_commit(Path(target.address)) == commit

    def _at_hand(self, target: Target) -> Change:
        """A repository of this machine at HEAD, a folder as it lies there."""
        path = Path(target.address)
        if not os.path.exists(path):  # noqa: PTH110 - pathlib raises for a name that no file system takes
            raise SourceError(
                f"{path} is not there", help="name a folder, or an address such as https://HOST/OWNER/REPOSITORY"
            )
        try:
            change = open_change(path, None, target.ref or _HEAD, self._limits)
        except UsageError:
            if target.ref is not None:
                raise
            if os.path.lexists(path / ".git"):
                raise SourceError(
                    f"{path} has a .git that git does not take for a repository", help="run `git status` there"
                ) from None
            change = open_change(path, None, None, self._limits)  # a folder that belongs to no repository
        return replace(change, scope="/".join(part for part in (change.scope, target.path) if part))

    def loaded(self, target: Target, rules_file: RulesFile) -> Loaded:
        """The rules of a tree, with their files. Those that judge several repositories are loaded once."""
        world = self.world()
        ruling = self.rulings.of(target.name)
        if ruling is None:
            return rules_file.recorded(world.today, world.shared_rules)
        with self._lock:
            if id(ruling) not in self._given:
                self._given[id(ruling)] = rules_file.recorded(world.today, world.shared_rules)
            return self._given[id(ruling)]

    def _rules_file(self, target: Target, change: Change) -> RulesFile:
        ruling = self.rulings.of(target.name)
        if ruling is not None:
            return RulesFile(contents(ruling.files).get, ruling.path)
        return RulesFile(partial(read_rules, change.head))

    def registry(self, rules: Rules, *, given: bool) -> Registry:
        """The registries as the rules have them: one client for all rules that have them alike.

        To a host that a repository's own rules say how to speak to, no credential is shown: they are this process's own, and
        whoever may write in one of a thousand repositories must not be able to send them somewhere. Rules that were `given`
        are those of whoever runs the audit.
        """
        settings = rules.registries if given else unsteered(rules.registries)
        key = repr(sorted(settings.items()))
        with self._lock:
            if key not in self._registries:
                opened = registries(replace(rules, registries=settings), self.world(), self._pace)
                self._registries[key] = self._open.enter_context(opened)
            return self._registries[key]

    def _cache(self) -> CacheSettings:
        settings = self.settings
        return CacheSettings(
            cache_folder("registry"), settings.tag_seconds, settings.listing_seconds, refresh=settings.refresh
        )


def _holds(tree: Tree, folder: str) -> bool:
    """Whether a folder, or a file of this name, is in a tree: one that is misspelt would seem to deploy nothing."""
    return any(is_below(path, folder) for path in tree.entries())


def unsteered(settings: Mapping[str, RegistrySettings]) -> Mapping[str, RegistrySettings]:
    """The same, with no credential for a host that one of them steers, by whichever of its names (`ghcr.io:80`, Docker Hub's).

    Nor is a client certificate shown because they name its file: it is one of the machine that runs the audit.
    """
    spoken_to = {host: origin_of(host, settings).authority for host in settings}
    steered = {spoken_to[host] for host, each in settings.items() if _is_steered(each)}
    silent = {host: RegistrySettings(host, anonymous=True) for host in steered}
    return {
        **silent,
        **{
            host: replace(
                each,
                anonymous=bool({host, spoken_to[host]} & steered),
                client_certificate=None,
                client_key=None,
            )
            for host, each in settings.items()
        },
    }


def _is_steered(settings: RegistrySettings) -> bool:
    """Whether a repository says where a credential for this host would go, or who may listen."""
    return settings.realm is not None or settings.plain_http or settings.ca_pem is not None
