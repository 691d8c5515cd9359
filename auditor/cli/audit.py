"""`auditor audit`: whole trees of many repositories, with memory of the last time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from auditor.cli.options import (
    Environment,
    add_audit_report_options,
    add_judging_options,
    add_kyverno_option,
    add_network_options,
    add_notify_option,
    add_render_option,
    age,
    check_network_options,
    jobs,
)
from auditor.errors import UsageError
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.cli.notify import Wish
    from auditor.fleet.engines.child import Child
    from auditor.fleet.engines.engine import Engine
    from auditor.fleet.settings import Settings
    from auditor.fleet.shards import Targets
    from auditor.fleet.targets import Chosen
    from auditor.fleet.workshop import Workshop
    from auditor.model.audit import Shard


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "audit",
        help="the nightly audit: many repositories, and what is different since the last time",
        description=(
            "Judge the whole trees of many repositories (HEAD, or the REF named), each by its own rules file or all by --config. "
            "A TARGET is a folder, the address of a git repository, or github:ORG and gitlab:GROUP for all of theirs; #REF:PATH "
            "behind it names a revision and a folder. What was found is kept in the history; what differs from the last run is "
            "a finding. One repository that fails does not stop the others."
        ),
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="what to audit; repeatable")
    parser.add_argument("--repos", metavar="FILE", help="more targets: a line each, or YAML")
    parser.add_argument(
        "--topic",
        action="append",
        default=[],
        metavar="TOPIC",
        help="of an organisation only repositories with this topic",
    )
    parser.add_argument("--match", metavar="GLOB", help="of an organisation only repositories with such a name")
    parser.add_argument("--archived", action="store_true", help="of an organisation archived repositories too")
    parser.add_argument("--forks", action="store_true", help="of an organisation forks too")
    group = parser.add_argument_group("history")
    group.add_argument("--history", metavar="FILE", help="what was found when (default: in this user's state folder)")
    group.add_argument("--no-history", action="store_true", help="remember nothing, and compare with nothing")
    group = parser.add_argument_group("running")
    group.add_argument(
        "--shard", metavar="I/N", help="do the I-th of N parts; `auditor merge` puts the results together"
    )
    group.add_argument(
        "--max-time", type=age, default=None, metavar="AGE", help="end after so long, with what there is: 90s, 10m, 6h"
    )
    group.add_argument("--engine", choices=("threads", "dask"), default="threads", help="where the work is done")
    group.add_argument("--workers", type=jobs, default=None, metavar="N", help="trees that are read at once")
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask's scheduler: tls://host:8786 (tcp:// on loopback only)"
    )
    group.add_argument("--tls-ca", metavar="FILE", help="who signs the certificates of scheduler and workers")
    group.add_argument("--tls-cert", metavar="FILE", help="our certificate for them")
    group.add_argument("--tls-key", metavar="FILE", help="its key")
    add_render_option(parser)
    add_judging_options(parser)
    add_kyverno_option(parser)
    add_network_options(parser)
    add_audit_report_options(parser)
    add_notify_option(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Audit, and report."""
    from auditor.cli import fleet_reports, fleet_targets
    from auditor.cli.notify import wishes
    from auditor.fleet.engines.child import Child
    from auditor.fleet.shards import read_shard

    wanted = fleet_reports.destinations(options)
    told = wishes(options, environment)
    shard = read_shard(options.shard) if options.shard else None
    if options.history and options.no_history:
        raise UsageError("--history and --no-history exclude each other", help="leave out one of them")
    _check_engine(options)
    chosen = fleet_targets.asked(options, environment)
    part = chosen.targets.part(shard)
    with Child(environment.variables) as child:
        if options.engine == "threads":
            child.expect(len(part.found))
        return _audited(_Asked(chosen, part, shard, wanted, told), child, options, environment)


class _Asked(Struct, frozen=True):
    """What the command line asks for: all targets that are named, those of this run's shard, formats, and whom to tell."""

    chosen: Chosen
    part: Targets
    shard: Shard | None
    wanted: tuple[tuple[str, Path | None], ...]
    told: tuple[Wish, ...]


def _audited(asked: _Asked, child: Child, options: argparse.Namespace, environment: Environment) -> Exit:
    """Audit and report. What that needs is loaded here, while the `child` starts."""
    from auditor.cli import fleet_reports, fleet_targets
    from auditor.cli.ending import Ending
    from auditor.cli.journal import close
    from auditor.cli.output import tell_timings
    from auditor.fleet.audit import Audit
    from auditor.fleet.workshop import Workshop
    from auditor.folders import history_file
    from auditor.history.history import open_history

    chosen, shard, wanted = asked.chosen, asked.shard, asked.wanted
    settings = _settings(options, environment)
    given = fleet_targets.rulings(chosen, settings.today, environment, offline=options.offline)
    settings = replace(settings, rulings=(*settings.rulings, *given))
    history = None if options.no_history or (shard and not options.history) else Path(options.history or history_file())
    fleet_reports.refuse_over(history, wanted)
    with Workshop(settings, environment.variables, environment.progress, logins=chosen.logins) as workshop:
        ending = Ending(workshop.stop)
        with (
            ending.after(settings.seconds),
            ending.on_termination(),
            _engine(options, workshop, environment, child) as engine,
            open_history(history, now=settings.started) as opened,
            fleet_reports.drafts(wanted) as drafts,
        ):
            world = workshop.world()
            audit = Audit(
                asked.part, chosen.targets.id, settings, engine, world, shard, over=ending.why, also=drafts.add
            )
            fleet = audit.run(opened)
            environment.progress.close()
            with world.watch.lap("reports"):
                drafts.complete(fleet)
                fleet_reports.deliver(fleet, wanted, options, environment, drafts.texts)
            if options.timings:
                tell_timings(world.watch)
            return close(fleet, asked.told, options, environment)


def _check_engine(options: argparse.Namespace) -> None:
    """Raise UsageError for a scheduler without Dask, or Dask without one: nobody may wait for workers that are not asked."""
    if options.engine == "dask" and options.scheduler is None:
        raise UsageError("--engine dask needs --scheduler", help="start `dask scheduler`, and give its address")
    given = ("scheduler", "tls_ca", "tls_cert", "tls_key")
    useless = next((name for name in given if options.engine != "dask" and getattr(options, name) is not None), None)
    if useless is not None:
        option = "--" + useless.replace("_", "-")
        raise UsageError(
            f"{option} is for workers, and this audit would work in this process alone", help="add --engine dask"
        )


def _settings(options: argparse.Namespace, environment: Environment) -> Settings:
    from auditor.cli.sources import outside
    from auditor.extending import SharedRules
    from auditor.fleet.settings import Ruling, Settings
    from auditor.limits import DEFAULT

    check_network_options(options)
    settings = Settings(
        started=datetime.now(UTC),
        offline=options.offline,
        second_opinion=options.second_opinion,
        jobs=options.jobs or DEFAULT.connections,
        tag_seconds=options.tag_ttl,
        listing_seconds=options.listing_ttl,
        refresh=options.refresh,
        render=options.render,
        fetch_charts=options.fetch_charts,
        kyverno=options.kyverno,
        fail_on=options.fail_on,
        exit_zero=options.exit_zero,
        seconds=options.max_time or DEFAULT.audit_seconds,
    )
    if options.config is None:
        return settings
    rules_file = outside(Path(options.config))
    shared = SharedRules(environment.variables, offline=options.offline)
    loaded = rules_file.recorded(settings.today, shared)
    return replace(settings, rulings=(Ruling(rules_file.path, loaded.files),))


@contextmanager
def _engine(
    options: argparse.Namespace, workshop: Workshop, environment: Environment, child: Child
) -> Iterator[Engine]:
    """Where the work is done. Raises UsageError for a scheduler that may not be trusted, or does not answer."""
    if options.engine == "dask":
        from auditor.fleet.engines.workers import Certificates, workers

        certificates = Certificates(options.tls_ca, options.tls_cert, options.tls_key)
        with workers(options.scheduler, certificates, workshop.settings) as engine:
            yield engine
        return
    from auditor.fleet.engines.apart import Apart
    from auditor.fleet.engines.threads import Threads

    if not child.is_worthwhile:
        yield Threads(workshop, options.workers)
        return
    with Apart(workshop.settings, child, environment.progress) as apart:
        workshop.when_stopped(child.stop)
        yield Threads(workshop, options.workers, apart)
