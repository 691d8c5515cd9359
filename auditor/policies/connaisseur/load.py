"""Helm values of Connaisseur's chart → a policy, ready to judge."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from auditor.config.names import InvalidPattern, compile_regex
from auditor.manifests.objects import Object
from auditor.policies import gobwas
from auditor.policies.connaisseur.judge import ConnaisseurPolicy, Entry, TrustRoot, Validator
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found, connaisseur_values, templated
from auditor.policies.pems import key_mistakes, pem_mistakes
from auditor.policies.ruling import Engine, NotReadable, Policy
from auditor.policies.versions import Versions


def load_connaisseur(found: Found, _versions: Versions) -> tuple[tuple[Policy, ...], tuple[Mistake, ...]]:
    """Every set of values, and what is wrong in each."""
    policies: list[Policy] = []
    mistakes: list[Mistake] = []
    for each in found.objects:
        values = connaisseur_values(each)
        if values is not None:
            policy, wrong = _read(each, values)
            mistakes.extend(wrong)
            if wrong:
                why = f"the values cannot be evaluated: {wrong[0]}"
                policies.append(NotReadable(Engine.CONNAISSEUR, policy.name, wrong[0].place, why))
            else:
                policies.append(policy)
    return tuple(policies), tuple(mistakes)


def _read(found: Object, values: Cursor) -> tuple[ConnaisseurPolicy, tuple[Mistake, ...]]:
    wrong: list[Mistake] = []
    template = templated(found)
    if template is not None:
        wrong.append(Mistake(template, "it is a template that Helm fills in: render it first"))
    validators = {each["name"].text: _validator(each, wrong) for each in values["validators"]}
    entries = tuple(_entries(values, wrong))
    if not entries:
        wrong.append(values["policy"].mistake("there is no policy here: the chart's own default governs"))
    name = found.name or PurePosixPath(found.file).stem
    policy = ConnaisseurPolicy(
        title=f"Connaisseur/{name}",
        where=values.place,
        entries=entries,
        validators=validators,
        warns=values["features"]["detectionMode"].yes,
    )
    return policy, tuple(wrong)


def _entries(values: Cursor, wrong: list[Mistake]) -> Iterator[Entry]:
    for each in values["policy"]:
        options = each["with"]
        pattern = each["pattern"].text
        try:
            gobwas.matches(pattern, "")
        except InvalidPattern as problem:
            wrong.append(each["pattern"].mistake(f"the pattern is invalid: {problem}"))
            continue
        if not pattern:
            wrong.append(each["pattern"].mistake("an entry needs its pattern"))
            continue
        threshold = options["threshold"].text
        if threshold and not (threshold.isascii() and threshold.isdigit()):
            wrong.append(options["threshold"].mistake("the threshold is a number"))
            threshold = ""
        yield Entry(
            pattern=pattern,
            validator=each["validator"].text or "default",
            trust_root=options["trustRoot"].text or "default",
            threshold=int(threshold or 0),
            required=tuple(item.text for item in options["required"]),
            log=options["verifyInTransparencyLog"].text.lower() != "false",
            sct=options["verifySCT"].text.lower() != "false",
            place=each["pattern"].place,
        )


def _validator(item: Cursor, wrong: list[Mistake]) -> Validator:
    host = item["host"]
    parts = {"fulcio": host["fulcioCert"], "rekor": host["rekorPubkey"], "ctlog": host["ctLogPubkey"]}
    wrong.extend(pem_mistakes(**parts))
    return Validator(
        kind=item["type"].text,
        approves=item["approve"].yes,
        roots={each["name"].text: _trust_root(each, wrong) for each in item["trustRoots"]},
        rekor=_pem(host["rekorPubkey"]),
        fulcio=_pem(host["fulcioCert"]),
        ctlog=_pem(host["ctLogPubkey"]),
    )


def _trust_root(item: Cursor, wrong: list[Mistake]) -> TrustRoot:
    key, keyless = item["key"], item["keyless"]
    if key:
        known = "-----BEGIN" in key.text
        wrong.extend(key_mistakes(key, key.text.strip().encode()) if known else ())
        return TrustRoot(_pem(key) if known else None, None, None, None if known else "the key is a reference")
    issuer, subject = _check(keyless, "issuer", wrong), _check(keyless, "subject", wrong)
    if issuer is None or subject is None:
        wrong.append(item.mistake("a trust root needs a key, or keyless with issuer and subject"))
        return TrustRoot(None, None, None, "it is invalid")
    return TrustRoot(None, issuer, subject, None)


def _check(keyless: Cursor, part: str, wrong: list[Mistake]) -> Any:
    """An exact text becomes an anchored expression, as Connaisseur does it."""
    exact, regex = keyless[part], keyless[f"{part}Regex"]
    if not exact.text and not regex.text:
        return None
    try:
        return compile_regex(regex.text or f"^{re.escape(exact.text)}$")
    except InvalidPattern as problem:
        wrong.append(regex.mistake(f"the regular expression is invalid: {problem}"))
        return None


def _pem(item: Cursor) -> bytes | None:
    return item.text.strip().encode() + b"\n" if item.text.strip() else None
