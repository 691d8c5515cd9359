"""Everything that `auditor doctor` looks at, in the order in which a run needs it."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.config.load import DEFAULTS
from auditor.config.rules import Rules
from auditor.doctor.checks import Check, fail, ok, warn
from auditor.doctor.machine import check_cache, check_extras, check_git, check_renderers
from auditor.doctor.registries import check_answers, check_credentials, registries
from auditor.errors import AuditorError, ConfigurationError
from auditor.manifests.inventory import inventory
from auditor.publish.ci.detect import detect
from auditor.report.words import count
from auditor.rules_file import RulesFile
from auditor.signatures.trust import OLD_DAYS, load_trust
from auditor.source.change import Change
from auditor.world import World

_SHOWN = 3


def examine(change: Change, rules_file: RulesFile, world: World) -> Iterator[Check]:
    """One check after the other, as they are done. Offline nobody is asked."""
    yield check_git()
    yield from check_renderers(world.environ)
    yield from check_extras()
    yield check_cache()
    yield _ci(world)
    rules, told = _rules(rules_file, world)
    yield told
    if rules is None:
        return
    yield from _trust(rules, world)
    found = registries(inventory(change.head, rules.manifests).uses, rules)
    if not found:
        yield warn("registries", "the tree names none that may be asked", "look at `auditor images`, and at `inspect`")
    yield from check_credentials(found, world.environ)
    if not world.offline:
        yield from check_answers(found, rules, world.environ, world.now)


def _rules(rules_file: RulesFile, world: World) -> tuple[Rules | None, Check]:
    try:
        rules = rules_file.load(world.today, world.shared_rules)
    except ConfigurationError as error:
        shown = "; ".join(str(problem) for problem in error.problems[:_SHOWN])
        return None, fail("rules", shown, error.problems[0].help)
    except AuditorError as error:
        return None, fail("rules", error.message, error.help)
    if rules.source == DEFAULTS:
        help_line = "`auditor init` proposes an auditor.yaml from what is signed today"
        return rules, warn("rules", "no auditor.yaml: only known publishers' images are judged", help_line)
    signers, entries = count(len(rules.signers), "signer"), count(len(rules.images), "entry", "entries")
    return rules, ok("rules", f"{rules.source}: {signers}, {entries}, otherwise {rules.otherwise}")


def _trust(rules: Rules, world: World) -> Iterator[Check]:
    try:
        trust = load_trust(rules.trust, now=world.now, offline=world.offline)
    except ConfigurationError as error:
        for problem in error.problems:
            yield fail("trust", str(problem), problem.help)
        return
    for used in trust.used:
        age = used.age_days
        said = f"{used.source}{'' if age is None else f', {age} days old'}"
        if age is not None and age > OLD_DAYS:
            yield warn(
                f"trust {used.name}", said, "run once with a connection, or update auditor: keys may have changed"
            )
        else:
            yield ok(f"trust {used.name}", said)
    aged = tuple(f"trust {used.name}: the copy at hand" for used in trust.used)
    for note in (each for each in trust.notes if not each.startswith(aged)):
        yield warn("trust", note, "check the connection to the TUF repository; runs use the copy at hand")


def _ci(world: World) -> Check:
    job = detect(world.environ)
    if job is None:
        return ok("ci", "none detected: give --base and --head yourself")
    if job.blind:
        return fail("ci", f"{job.ci}: {job.blind}", "give --base and --head")
    change = f"base {job.revisions[0].base[:12]}, head {job.revisions[0].head[:12]}" if job.revisions else "no change"
    return ok("ci", f"{job.ci}, {change}{', from a fork' if job.fork else ''}")
