"""A summary of an audit, posted to an address of ours as signed JSON.

1. The body is signed with a secret that both sides know: `X-Auditor-Signature-256: sha256=HMAC(secret, timestamp + "." + body)`.
2. `X-Auditor-Timestamp` is part of what is signed: a receiver refuses what is old, and `X-Auditor-Delivery`, which it has seen.
3. Only https, but for this machine. No redirect is followed: what is signed for one address is for no other.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import Limits
from auditor.model.audit import Audited, Fleet
from auditor.model.evidence import FaultKind
from auditor.model.finding import Level
from auditor.model.report import Exit
from auditor.publish.outcome import Did, Outcome, Post
from auditor.registry.exchange import Exchange
from auditor.registry.faults import Failed, from_status
from auditor.registry.hosts import Origin, is_loopback
from auditor.registry.pace import Pace, retry_after
from auditor.report.json_v1 import finding_counts, instant
from auditor.version import __version__

SECRET: Final = "AUDITOR_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
SCHEMA: Final = "auditor-audit/v1"
SCHEMA_FILE: Final = Path(__file__).with_name("webhook-v1.schema.json")
"""The published JSON Schema (draft 2020-12) of what is posted, shipped beside this module."""
_SHORTEST: Final = 16
_REPOSITORIES: Final = 200
_FINDINGS: Final = 100
_ANSWER: Final = 4096
_PASSING: Final = frozenset({408, 429})


def summary(fleet: Fleet, exit_status: Exit) -> dict[str, Any]:
    """What is posted: how the audit ended, the repositories that do not pass, and what changed, each cut at a bound."""
    open_: list[dict[str, Any]] = []
    drift: list[dict[str, Any]] = []
    seen = 0
    for audited in fleet.repositories():
        seen += 1
        if audited.exit is not Exit.CLEAN and len(open_) < _REPOSITORIES:
            open_.append(_repository(audited))
        drift += _drift(audited)[: _FINDINGS - len(drift)]
    run = fleet.run
    night = fleet.nights()[-1] if fleet.nights() else None
    return {
        "schema": SCHEMA,
        "version": __version__,
        "started": instant(run.started),
        "exit": int(exit_status),
        "ended_early": run.ended_early,
        "repositories": seen,
        "verdicts": {verdict.value: count for verdict, count in night.verdicts.items()} if night else {},
        "findings": {level.value: count for level, count in night.findings.items()} if night else {},
        "failing": open_,
        "changed": drift,
    }


def _repository(audited: Audited) -> dict[str, Any]:
    failure, report = audited.failure, audited.report
    return {
        "name": audited.target.name,
        "commit": audited.commit,
        "exit": int(audited.exit),
        "why": failure.why if failure else "",
        "findings": finding_counts(report.findings) if report else {},
    }


_CHANGES: Final = frozenset({"tag-moved", "signature-vanished", "new-unsigned", "newly-verified", "signer-changed"})


def _drift(audited: Audited) -> list[dict[str, Any]]:
    findings = audited.report.findings if audited.report else ()
    return [
        {"repository": audited.target.name, "rule": each.rule, "level": each.level.value, "image": each.image}
        for each in findings
        if each.rule in _CHANGES and each.counts and each.level is not Level.OFF
    ]


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What a receiver computes as well, and compares in constant time."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def check_address(url: str, environ: Mapping[str, str]) -> None:
    """Raise UsageError for an address that nothing is posted to, and where there is no secret to sign with."""
    try:
        origin = Origin.of(url)
    except ValueError:
        origin = None
    if origin is None or not (origin.scheme == "https" or is_loopback(origin.host)):
        raise UsageError("--notify webhook=URL: only https is posted to", help="write https://HOST/PATH")
    if len(environ.get(SECRET, "")) < _SHORTEST:
        raise UsageError(
            f"--notify webhook=URL: {SECRET} is missing, or shorter than {_SHORTEST} characters",
            help="make one, `openssl rand -hex 32`, and give it to the receiver too",
        )


def post(told: Mapping[str, Any], url: str, environ: Mapping[str, str], limits: Limits, now: datetime) -> Outcome:
    """Post the summary of an audit. Raises Failed."""
    body = json.dumps(told, separators=(",", ":"), sort_keys=True).encode("ascii")
    timestamp = str(int(now.timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Auditor-Timestamp": timestamp,
        "X-Auditor-Delivery": hashlib.sha256(timestamp.encode() + body).hexdigest()[:32],
        "X-Auditor-Signature-256": signature(environ[SECRET], timestamp, body),
    }
    limits = replace(limits, run_seconds=limits.publish_seconds)
    exchange = Exchange(environ, limits)
    host = Origin.of(url).authority

    def once(deadline: float) -> None:
        reply = exchange.send("POST", url, headers, body, deadline=deadline, bound=_ANSWER)
        if 200 <= reply.status < 300:
            return
        failed = from_status(reply.status, host, "the webhook")
        wait = retry_after(reply.headers.get("retry-after"), now)
        raise Failed(
            failed.fault.kind if reply.status not in _PASSING else FaultKind.RATE_LIMITED,
            f"{host} answered {reply.status}",
            again=reply.status in _PASSING or reply.status >= 500,
            wait=wait,
        )

    Pace(limits).call(host, once)
    return Outcome(Post.WEBHOOK, Did.SENT)
