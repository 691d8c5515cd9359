"""Verification summaries: in-toto Statements (v1) with SLSA's predicate, one JSON line per digest, for gates further down.

Source: https://slsa.dev/spec/v1.1/verification_summary. They are not signed here: whoever runs the audit signs them, for instance
with `cosign attest-blob`. What could not be judged and what need not be signed have none: a gate that asks for PASSED stays
shut, and nothing claims that a check was made which was not (`docs/reference/formats.md`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from auditor.model.reference import Digest
from auditor.model.report import Image, Report
from auditor.model.verdict import Verdict
from auditor.report.escape import json_line
from auditor.report.json_v1 import instant
from auditor.report.options import RenderOptions
from auditor.report.view import Entry, Standing, view

Json: TypeAlias = dict[str, Any]

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/verification_summary/v1"
VERIFIER: Final = "urn:auditor"
"""`verifier.id`: a consumer trusts it by who signed the summary."""
LEVEL: Final = "AUDITOR_SIGNED_AS_REQUIRED"
"""What a PASSED says. It is no level of SLSA's own tracks, whose names begin with SLSA_."""
SPEC: Final = "1.1"


def render(report: Report, _options: RenderOptions) -> str:
    """One line per digest, in the order of names; empty where nothing was judged."""
    return "".join(f"{json_line(statement)}\n" for statement in statements(report, report.run.target, report.run.head))


def statements(report: Report, address: str, commit: str | None) -> Iterator[Json]:
    """The summaries of one tree. `address` and `commit` say where the rules stand that were applied.

    A summary holds for these rules and this part of the tree only, which is why `policy.uri` names both: one for staging is no
    word about production.
    """
    known: dict[tuple[str, str], list[Entry]] = {}
    for entry in view(report).gating:
        if entry.image.digest is not None:
            known.setdefault((entry.image.name or entry.image.reference, str(entry.image.digest)), []).append(entry)
    for _key, entries in sorted(known.items()):
        result = _result(entries)
        if result is not None:
            yield _statement(report, entries, result, _policy(address, commit, entries))


def _result(entries: list[Entry]) -> str | None:
    """FAILED where a rule objects to any use of the digest; PASSED where every rule that asks is satisfied; else None."""
    if any(entry.standing is Standing.FAILS or entry.image.verdict in _REFUSED for entry in entries):
        return "FAILED"
    if any(_open(entry) for entry in entries):
        return None
    return "PASSED" if any(entry.image.verdict is Verdict.VERIFIED for entry in entries) else None


_REFUSED: Final = frozenset(Verdict) - {Verdict.VERIFIED, Verdict.EXEMPT, Verdict.UNJUDGED}


def _open(entry: Entry) -> bool:
    """Whether something about it could not be told."""
    return entry.standing is Standing.INCOMPLETE or entry.image.verdict in {Verdict.UNJUDGED, None}


def _statement(report: Report, entries: list[Entry], result: str, policy: Json) -> Json:
    image = entries[0].image
    assert image.digest is not None
    return {
        "_type": STATEMENT,
        "subject": [{"name": image.name or image.reference, "digest": _digest(image.digest)}],
        "predicateType": PREDICATE,
        "predicate": {
            "verifier": {"id": VERIFIER, "version": {"auditor": report.run.version}},
            "timeVerified": instant(report.run.started),
            "resourceUri": _package_url(image),
            "policy": policy,
            "verificationResult": result,
            "verifiedLevels": [LEVEL] if result == "PASSED" else ["FAILED"],
            "slsaVersion": SPEC,
        },
    }


def _digest(digest: Digest) -> Json:
    algorithm, _, value = str(digest).partition(":")
    return {algorithm: value}


def _policy(address: str, commit: str | None, entries: list[Entry]) -> Json:
    """The rules that were applied: where they stand, and which entries of them governed."""
    rules = sorted({entry.image.rule for entry in entries if entry.image.rule})
    told: Json = {"uri": _uri(address)}
    told |= {"digest": {"gitCommit": commit}} if commit else {}
    return told | ({"annotations": {"rules": rules}} if rules else {})


def _quoted(text: str, safe: str) -> str:
    """Percent-encoded; a lone surrogate, which no UTF-8 can carry, as its escape."""
    return quote(text, safe=safe, errors="backslashreplace")


def _uri(address: str) -> str:
    """An address as a URI: a path of this machine, and git's short form of an SSH address, are none yet."""
    if "://" in address:
        return _quoted(address, safe=":/@?#=&%+~,;")
    return (
        f"file://{_quoted(address, safe='/#')}"
        if address.startswith("/")
        else f"{VERIFIER}:{_quoted(address, safe='/#@')}"
    )


def _package_url(image: Image) -> str:
    """The digest as a package URL of type oci: what is deployed, whatever its tag names tomorrow."""
    name = image.name or image.reference
    last = name.rpartition("/")[2].lower()
    url = f"pkg:oci/{_quoted(last, safe='')}@{_quoted(str(image.digest), safe='')}?repository_url={_quoted(name, safe='/')}"
    return f"{url}&tag={_quoted(image.tag, safe='')}" if image.tag else url
