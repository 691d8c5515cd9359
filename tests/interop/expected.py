"""What the auditor and cosign say of images that real programs signed; `docs/reference/interop.md` is written from it.

python -m tests.interop.expected > docs/reference/interop.md
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

CASES: Final = {
    "first": "cosign 3, a bundle; entry 0 of a fresh log",
    "bundle": "cosign 3, a bundle: Rekor v2 and a timestamp",
    "wrong": "the same by another repository",
    "pull-request": "the same by a build that a pull request started",
    "stamped-bundle": "cosign 3, a bundle with a timestamp and no log entry",
    "attested": "cosign 3, an attestation (SLSA provenance) in a bundle, nothing else",
    "legacy": "cosign 2, the tag `.sig`: a timestamp and no log entry",
    "classic": "cosign 3 in the old format: the same",
    "legacy-wrong": "cosign 2, `.sig`, by another repository",
    "legacy-att": "cosign 2, an attestation under the tag `.att`, nothing else",
    "young": "cosign 2, `.sig` with neither entry nor timestamp; the certificate is a minute old",
    "both": "`.sig` and a bundle, both by the right identity",
    "mixed": "`.sig` by the right identity, a bundle by another one",
    "key": "cosign 3, with a long-lived key",
    "unsigned": "nothing",
    "recursive": "an index, signed with `--recursive`",
    "recursive-child": "a platform of that index",
    "child-only": "an index of which one platform is signed",
    "tampered": "the good bundle, one bit of its signature turned",
    "moved": "the good bundle beside another image",
}
"""How each image came to be."""

VERDICTS: Final = {
    # case: as the right identity, as another one, under a root that knows no log
    "first": ("verified", "wrong-signer", "invalid"),
    "bundle": ("verified", "wrong-signer", "invalid"),
    "wrong": ("wrong-signer", "verified", "invalid"),
    "pull-request": ("wrong-signer", "wrong-signer", "invalid"),
    "stamped-bundle": ("invalid", "invalid", "verified"),
    "attested": ("attestation-only", "attestation-only", "invalid"),
    "legacy": ("verified", "wrong-signer", "verified"),
    "classic": ("verified", "wrong-signer", "verified"),
    "legacy-wrong": ("wrong-signer", "verified", "wrong-signer"),
    "legacy-att": ("attestation-only", "attestation-only", "attestation-only"),
    "young": ("invalid", "invalid", "invalid"),
    "both": ("verified", "wrong-signer", "verified"),
    "mixed": ("verified", "verified", "verified"),
    "key": ("key-signed", "key-signed", "key-signed"),
    "unsigned": ("unsigned", "unsigned", "unsigned"),
    "recursive": ("verified", "wrong-signer", "invalid"),
    "recursive-child": ("verified", "wrong-signer", "invalid"),
    "child-only": ("unsigned", "unsigned", "unsigned"),
    "tampered": ("invalid", "invalid", "invalid"),
    "moved": ("invalid", "invalid", "invalid"),
}
"""The auditor's verdicts."""

_ATTESTED: Final = "cosign takes any statement by the identity for a signature, whatever its predicate type"
_TRIGGER: Final = "cosign does not ask what started the build: anybody may open a pull request"
_NO_TIME: Final = "cosign 2 has no time from a Rekor v2 entry, and reads timestamps only where it is told to"
_LOGGED: Final = "cosign asks for a log entry; we are content with a timestamp for the old format"
_UNLOGGED: Final = "cosign was told to do without a log; our root has one"
_YOUNG: Final = "without any time cosign asks the wall clock, and the certificate is a minute old"
_BUNDLES: Final = "where there are bundles cosign looks at nothing else, and the right identity is in the old format"

DIFFERENCES: Final = {
    ("cosign3", "attested"): _ATTESTED,
    ("cosign3 no log", "attested"): _ATTESTED,
    ("cosign2 no log", "attested"): _ATTESTED,
    ("cosign3", "pull-request"): _TRIGGER,
    ("cosign3 no log", "pull-request"): _TRIGGER,
    ("cosign2 no log", "pull-request"): _TRIGGER,
    **{("cosign2", case): _NO_TIME for case in ("first", "bundle", "both", "recursive", "recursive-child", "mixed")},
    **{(column, case): _LOGGED for column in ("cosign2", "cosign3") for case in ("legacy", "classic")},
    ("cosign3 other", "legacy-wrong"): _LOGGED,
    ("cosign3 no log", "stamped-bundle"): _UNLOGGED,
    ("cosign2 no log", "stamped-bundle"): _UNLOGGED,
    ("cosign3 no log", "young"): _YOUNG,
    ("cosign2 no log", "young"): _YOUNG,
    ("cosign3", "mixed"): _BUNDLES,
    ("cosign3 no log", "mixed"): _BUNDLES,
    ("cosign2 no log", "mixed"): _BUNDLES,
}
"""Cosign 3.1.3 and 2.6.5, by column and case."""

REKOR1_CASES: Final = {
    "first": "cosign 3, a bundle; entry 0 of a fresh log",
    "bundle": "cosign 3, a bundle",
    "attested": "cosign 3, an attestation in a bundle, nothing else",
    "legacy": "cosign 2, the tag `.sig` with a signed entry timestamp",
    "legacy-wrong": "the same by another repository",
    "legacy-att": "cosign 2, an attestation under the tag `.att`, nothing else",
    "classic": "cosign 3 in the old format, with a signed entry timestamp",
    "tampered": "the good bundle, one bit of its signature turned",
    "moved": "the good bundle beside another image",
}
REKOR1_VERDICTS: Final = {
    "first": "verified",
    "bundle": "verified",
    "attested": "attestation-only",
    "legacy": "verified",
    "legacy-wrong": "wrong-signer",
    "legacy-att": "attestation-only",
    "classic": "verified",
    "tampered": "invalid",
    "moved": "invalid",
}
REKOR1_DIFFERENCES: Final = {("cosign3", "attested"): _ATTESTED, ("cosign2", "attested"): _ATTESTED}
"""With Rekor v1, which gives its entries a time, cosign 2 and 3 agree."""

COLUMNS: Final = ("cosign3", "cosign3 no log", "cosign2", "cosign2 no log")
"""How cosign is asked about the right identity."""

_PAGE: Final = """\
# Beside cosign

Written by `python -m tests.interop.expected` from what `tests/interop` asserts, on servers that run on loopback: Fulcio 1.8.8,
Rekor 2.3.0 (tiles), timestamp-server 2.1.3, and a CT log and an identity provider of our own. cosign 3.1.3 and 2.6.5 sign as jobs
of GitHub Actions; then they and the auditor are asked about one identity, under one trusted root. "No log" is with
`--insecure-ignore-tlog --use-signed-timestamps`. A number says why cosign's answer is another one than ours.

"""


_REKOR1_PAGE: Final = """
## With the older log

The same with Rekor 1.5.4 on Trillian 1.8.0 and PostgreSQL, by `make interop-full`.

"""


def table() -> str:
    """The page."""
    causes = list(dict.fromkeys(cause for (column, _), cause in DIFFERENCES.items() if column in COLUMNS))
    notes = [f"{number}. {cause[0].upper()}{cause[1:]}." for number, cause in enumerate(causes, 1)]
    heads = ("image", "auditor", "cosign 3", "cosign 3, no log", "cosign 2", "cosign 2, no log")
    verdicts = {case: ours for case, (ours, _, _) in VERDICTS.items()}
    newer = _grid(heads, [_row(COLUMNS, (case, CASES[case], verdicts[case]), DIFFERENCES, causes) for case in CASES])
    old = [
        _row(("cosign3", "cosign2"), (case, text, REKOR1_VERDICTS[case]), REKOR1_DIFFERENCES, causes)
        for case, text in REKOR1_CASES.items()
    ]
    return _PAGE + newer + "\n" + "\n".join(notes) + "\n" + _REKOR1_PAGE + _grid((*heads[:3], heads[4]), old)


def _grid(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ("---",) * len(heads), *rows))


def _row(
    columns: tuple[str, ...],
    said: tuple[str, str, str],
    differences: Mapping[tuple[str, str], str],
    causes: list[str],
) -> tuple[str, ...]:
    """A row of case, text and our verdict: in each column whether cosign accepts, and the number of the cause if we don't agree."""
    case, text, verdict = said
    cells = []
    for column in columns:
        cause = differences.get((column, case))
        accepted = (verdict == "verified") is (cause is None)
        cells.append(("accepts" if accepted else "refuses") + (f" ({causes.index(cause) + 1})" if cause else ""))
    return (text, f"`{verdict}`", *cells)


if __name__ == "__main__":
    sys.stdout.write(table())
