"""A regular expression that matches more than its author means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditor.model.finding import Finding
from auditor.policies.cursor import Cursor
from auditor.policies.lint.subject import CIP, CLUSTER_POLICY, FLUX, IVPOL, Subject

RULE = "policy-unanchored-regex"
_LOOSE_DOT: Final = re.compile(r"(?<![\\\]])(?<!\[)\.(?=[a-z]{2,}(?:[/:$\\]|$))")
_HOST: Final = re.compile(r"//([^/]*)")
_HOST_LIKE: Final = re.compile(r"@([^/]*)$")


def check(subject: Subject) -> Iterator[Finding]:
    """Every engine matches anywhere in the text, and a dot is any character."""
    for field in _expressions(subject):
        problem = _problem(field.text)
        if problem:
            yield subject.finding(RULE, field, f"{problem}: {field.text}", "write ^…$ around it, and \\. for a dot")


def _expressions(subject: Subject) -> Iterator[Cursor]:
    names = ("issuer", "subject") if subject.of(FLUX) else ("issuerRegExp", "subjectRegExp")
    if subject.of(CLUSTER_POLICY | IVPOL | CIP | FLUX):
        yield from (identity[name] for identity in subject.identities() for name in names if identity[name].text)


def _problem(text: str) -> str | None:
    body = re.sub(r"^\(\?[a-zA-Z]+\)", "", text)
    if not body.startswith(("^", "\\A")):
        return "the expression may match in the middle of a text: it has no ^ at its start"
    if not body.endswith(("$", "\\z")) or body.endswith("\\$"):
        return "the expression may match the beginning of a longer text: it has no $ at its end"
    hosts = [*_HOST.findall(body), *_HOST_LIKE.findall(body.rstrip("$"))]
    if any(_LOOSE_DOT.search(host) for host in hosts):
        return "a dot in a host's name is any character"
    return None
