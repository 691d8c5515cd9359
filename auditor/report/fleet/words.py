"""The sentences that the reports of an audit share. Our own words and numbers; what is foreign, its caller escapes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from auditor.model.audit import Fleet
from auditor.model.report import Exit
from auditor.model.verdict import Verdict
from auditor.report.fleet.census import Census, State
from auditor.report.words import count


def headline(fleet: Fleet, census: Census) -> str:
    """The audit in one sentence."""
    if not census.repositories:
        return "no repository in this part of the audit" if fleet.run.shard else "no repository to audit"
    total = count(census.repositories, "repository", "repositories")
    failing, open_, missed = (census.states[s] for s in (State.FAILS, State.INCOMPLETE, State.UNREACHED))
    parts = [f"{failing} of {total} {'fails' if failing == 1 else 'fail'}"] if failing else []
    parts += [f"{open_ if parts else f'{open_} of {total}'} could not be judged completely"] if open_ else []
    parts += [f"{missed if parts else f'{missed} of {total}'} could not be audited"] if missed else []
    if not parts:
        parts = [f"{total}: nothing fails"]
    return "; ".join([*parts, *(["the run ended early"] if fleet.run.ended_early else [])])


def outcome(fleet: Fleet, census: Census) -> str:
    """What the exit status says, and that `--exit-zero` hides it where it does."""
    word = {Exit.FINDINGS: "fails", Exit.INCOMPLETE: "incomplete"}.get(census.outcome(fleet), "clean")
    code = int(census.exit(fleet))
    return f"{word} (exit 0 by --exit-zero)" if word != "clean" and not code else f"{word} (exit {code})"


def tally(census: Census) -> str:
    """How many images with which verdict in how many places, and which findings."""
    seen = f"{count(census.images, 'image')} in {count(census.uses, 'place')}"
    verdicts = [
        f"{number} {verdict.value}"
        for verdict, number in sorted(census.verdicts.items(), key=lambda item: item[0].severity)
    ]
    told = census.findings
    findings = [count(told["error"], "error"), count(told["warning"], "warning")]
    findings += [f"{told[name]} {name}" for name in ("incomplete", "note", "waived") if told[name]]
    findings += [f"{told['baseline']} in the baseline"] if told["baseline"] else []
    return f"{seen}{': ' if verdicts else ''}{', '.join(verdicts)}; {', '.join(findings)}"


def verdict_words(verdicts: Mapping[str, int]) -> str:
    """`3 unsigned, 12 verified`, worst first."""
    known = sorted(verdicts.items(), key=lambda item: Verdict(item[0]).severity)
    return ", ".join(f"{number} {verdict}" for verdict, number in known)


def age(since: date | None, now: datetime) -> int | None:
    """For how many days something has been there; 0 for what is new. A clock that jumped back makes nothing negative."""
    return None if since is None else max((now.date() - since).days, 0)


def age_words(since: date | None, now: datetime) -> str:
    """`new`, `1 day`, `41 days`; empty where no history tells."""
    days = age(since, now)
    return "" if days is None else count(days, "day") if days else "new"


def compared_words(fleet: Fleet) -> str:
    """What drift is measured against."""
    previous = fleet.run.previous
    return f"since {previous:%Y-%m-%d %H:%M} UTC" if previous else "the first run: there is nothing to compare with"
