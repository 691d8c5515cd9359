"""JSON, version 1 → report: so that a saved run can be shown in another format.

The document may come from anywhere (an artifact of another job), so every field is checked as it is read, and nothing that
can be derived is believed: the exit status, the counts and the fingerprints are computed anew.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from auditor.model.evidence import Fault, FaultKind, Form, KeySigned, Refused, Signature, Signed, Step, Unreadable
from auditor.model.finding import Finding, Level, Waived
from auditor.model.gap import Gap
from auditor.model.identity import Identity, SubjectType
from auditor.model.place import Place
from auditor.model.reference import Digest
from auditor.model.report import (
    Change,
    Image,
    JudgedPlatform,
    JudgedPolicy,
    JudgedSignature,
    JudgedUse,
    PolicyVerdict,
    Previous,
    Report,
    Run,
    TrustUsed,
)
from auditor.model.use import Confidence, Sort, Use, Via, Workload
from auditor.model.verdict import Verdict
from auditor.report.fields import Fields, InvalidReport
from auditor.report.json_v1 import SCHEMA

__all__ = ["InvalidReport", "read_members", "read_report"]


def read_report(text: str) -> Report:
    """Read what `auditor.report.json_v1.render` wrote. Raises InvalidReport."""
    try:
        members = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidReport(f"not JSON: {error}") from None
    return read_members(members)


def read_members(members: Any) -> Report:
    """The same of a document that is parsed already. Raises InvalidReport."""
    if not isinstance(members, dict):
        raise InvalidReport("not a JSON object")
    top = Fields(members, "report")
    if top.text("schema") != SCHEMA:
        raise InvalidReport(f"schema is {top.text('schema')[:60]!r}, this reads {SCHEMA!r}")
    run = top.fields("run")
    return Report(
        run=read_run(run, top.fields("tool").text("version")),
        images=tuple(read_image(image) for image in top.each("images")),
        findings=tuple(read_finding(finding) for finding in top.each("findings")),
        gaps=tuple(read_gap(gap) for gap in top.each("skipped")),
        fail_on=run.parsed("fail_on", Level, Level.ERROR.value),
        exit_zero=run.truth("exit_zero", False),
        empty=run.truth("empty", False),
    )


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def read_run(run: Fields, version: str) -> Run:
    """`run`: how a run came to be."""
    renderers = run.fields("renderers")
    return Run(
        command=run.text("command"),
        target=run.text("target"),
        started=run.parsed("started", read_instant),
        version=version,
        base=run.text_or_none("base"),
        merge_base=run.text_or_none("merge_base"),
        head=run.text_or_none("head"),
        seconds=read_seconds(run),
        renderers=MappingProxyType({name: renderers.text_or_none(name) for name in renderers.members}),
        trust=tuple(TrustUsed(t.text("name"), t.text("source"), t.number("age_days")) for t in run.each("trust")),
        notes=run.texts("notes"),
    )


def read_seconds(run: Fields) -> float:
    """How long it took: a number that is finite."""
    seconds = run.members.get("seconds", 0)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        raise InvalidReport(f"{run.where}.seconds: expected a number")
    return float(seconds)


def read_instant(text: str) -> datetime:
    """A moment with its time zone, in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def read_image(image: Fields) -> Image:
    """One entry of `images`."""
    previous = image.fields_or_none("previous")
    return Image(
        reference=image.text("reference"),
        name=image.text_or_none("name"),
        tag=image.text_or_none("tag"),
        digest=image.parsed_or_none("digest", Digest.parse),
        pinned=image.truth("pinned"),
        uses=tuple(_use(use, image.text("reference")) for use in image.each("uses")),
        change=image.parsed_or_none("change", Change),
        repository=image.text_or_none("repository"),
        verdict=image.parsed_or_none("verdict", Verdict),
        reason=image.text("reason"),
        help=image.text("help", ""),
        rule=image.text_or_none("rule"),
        previous=_previous(previous) if previous else None,
        signatures=tuple(_judged(signature) for signature in image.each("signatures")),
        platforms=tuple(
            JudgedPlatform(p.text("platform"), p.parsed("digest", Digest.parse), p.parsed_or_none("verdict", Verdict))
            for p in image.each("platforms")
        ),
        policies=tuple(
            JudgedPolicy(p.text("policy"), p.text("file"), p.parsed("verdict", PolicyVerdict), p.text("why"))
            for p in image.each("policies")
        ),
    )


def _previous(previous: Fields) -> Previous:
    return Previous(
        reference=previous.text("reference"),
        digest=previous.parsed_or_none("digest", Digest.parse),
        verdict=previous.parsed_or_none("verdict", Verdict),
        identity=_identity(previous),
    )


def _identity(holder: Fields) -> Identity | None:
    identity = holder.fields_or_none("identity")
    if identity is None:
        return None
    claims = identity.fields("claims")
    return Identity(
        issuer=identity.text_or_none("issuer"),
        subject=identity.text("subject"),
        subject_type=identity.parsed("subject_type", SubjectType, SubjectType.URI.value),
        claims=MappingProxyType({name: claims.text(name) for name in claims.members}),
    )


def _judged(fields: Fields) -> JudgedSignature:
    signature = _signature(fields)
    why = fields.text_or_none("why")
    own = signature.why if isinstance(signature, Refused) else None
    own = signature.fault.detail if isinstance(signature, Unreadable) else own
    allowed = None if fields.members.get("allowed") is None else fields.truth("allowed")
    return JudgedSignature(signature, allowed, fields.text_or_none("trust"), None if why == own else why)


def _signature(fields: Fields) -> Signature:
    form = fields.parsed("form", Form)
    predicate, attestation = fields.text_or_none("predicate"), fields.truth("attestation", False)
    identity = _identity(fields)
    match fields.text("status"):
        case "valid" if identity is not None:
            return Signed(
                form,
                identity,
                fields.parsed("logged", read_instant),
                fields.texts("roots"),
                predicate,
                attestation,
                fields.number("log_index"),
            )
        case "key-signed":
            return KeySigned(form, fields.texts("keys"), predicate, attestation)
        case "refused":
            step = fields.fields("step")
            return Refused(form, step.parsed("name", _step), step.text("why"), identity, predicate, attestation)
        case "unreadable":
            fault = fields.fields("fault")
            return Unreadable(form, Fault(fault.parsed("kind", FaultKind), fault.text("detail")))
        case status:
            raise InvalidReport(f"{fields.where}: status {status[:60]!r} is unknown, or lacks an identity")


def _step(name: str) -> Step:
    try:
        return Step[name.upper()]
    except KeyError:
        raise ValueError(name) from None


def _use(use: Fields, reference: str) -> JudgedUse:
    base_file = use.text_or_none("base_file")
    return JudgedUse(
        Use(
            reference=reference,
            place=_place(use),
            workload=_workload(use.text_or_none("workload")),
            container=use.text_or_none("container"),
            root=use.text_or_none("root"),
            via=use.parsed("via", Via),
            base=Place(base_file, use.number("base_line") or 0) if base_file is not None else None,
            deployed=use.truth("deployed"),
            confidence=use.parsed("confidence", Confidence),
            sort=use.parsed("sort", Sort, Sort.IMAGE.value),
            superset=use.truth("superset", False),
        ),
        use.parsed_or_none("change", Change),
    )


def _place(fields: Fields) -> Place:
    key_path = fields.text_or_none("key_path") or ""
    return Place(fields.text("file"), fields.number("line") or 0, fields.number("column") or 0, key_path)


def _workload(text: str | None) -> Workload | None:
    """`Kind/namespace/name`, `Kind/name` or `Kind`, as a workload prints itself."""
    if text is None:
        return None
    kind, *rest = text.split("/", 2)
    namespace = rest[0] if len(rest) == 2 else ""
    workload = Workload(kind, rest[-1] if rest else "", namespace)
    return workload if str(workload) == text else Workload(text, "")  # hostile parts: keep what it prints


def read_finding(finding: Fields) -> Finding:
    """One entry of `findings`."""
    waived = finding.fields_or_none("waived")
    return Finding(
        rule=finding.text("rule"),
        level=finding.parsed("level", Level),
        message=finding.text("message"),
        help=finding.text("help"),
        place=None if finding.members.get("file") is None else _place(finding),
        image=finding.text_or_none("image"),
        root=finding.text_or_none("root"),
        owner=finding.text("owner", ""),
        waived=Waived(waived.text("owner"), waived.parsed("until", date.fromisoformat), waived.text("reason"))
        if waived
        else None,
        baseline=finding.truth("baseline"),
        since=finding.parsed_or_none("since", date.fromisoformat),
    )


def read_gap(gap: Fields) -> Gap:
    """One entry of `skipped`."""
    return Gap(
        place=_place(gap),
        what=gap.text("what"),
        why=gap.text("why"),
        rule=gap.text_or_none("rule"),
        root=gap.text_or_none("root"),
        help=gap.text("help", ""),
        image=gap.text_or_none("image"),
    )
