"""The real cosign 2 and 3 sign with the real Fulcio, Rekor v2 and timestamp server; they and we judge: one table.

A cell is cosign's word on an image beside ours. They agree, or the difference stands in `DIFFERENCES` with its cause.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from auditor.model.identity import CLAIM_NAMES
from tests.interop.once import told
from tests.interop.stack.sigstore import SERVERS

pytestmark = [pytest.mark.interop, pytest.mark.slow]

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
"""Entry 0 of its log is `first`, `stamped-bundle` has no log entry, `young` neither entry nor timestamp, its certificate valid."""

_ATTESTED: Final = "it takes any statement by the identity for a signature, whatever its predicate type"
_TRIGGER: Final = "it does not ask what started the build: anybody may open a pull request"
_NO_TIME: Final = "it has no time from a Rekor v2 entry, and reads timestamps only where it is told to"
_LOGGED: Final = "it asks for a log entry, we are content with a timestamp for the old format"
_UNLOGGED: Final = "it was told to do without a log; our root has one"
_YOUNG: Final = "without any time it asks the wall clock, and the certificate is a minute old"
_BUNDLES: Final = "where there are bundles it looks at nothing else, and the right identity is in the old format"

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


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told("tests.interop.real_signers", tmp_path_factory, "cosign", "cosign2", *SERVERS)


def test_verdicts_are_these(answers: Any) -> None:
    columns = answers["verdicts"]
    assert {
        case: tuple(columns[column][case] for column in ("shop", "other", "unlogged")) for case in columns["shop"]
    } == VERDICTS


def test_cosign_says_the_same_but_for_what_has_a_cause(answers: Any) -> None:
    differing = set()
    for column, cases in answers["cosign"].items():
        ours = answers["verdicts"]["other" if column.endswith("other") else "shop"]
        differing |= {
            (column, case) for case, (status, _) in cases.items() if (status == 0) != (ours[case] == "verified")
        }
    assert differing == set(DIFFERENCES)


def test_fixture_claims_what_the_real_fulcio_certifies(answers: Any) -> None:
    fixture = {CLAIM_NAMES[int(arc)]: value for arc, value in answers["claims"]["fixture"].items()}
    assert fixture == answers["claims"]["real"]
