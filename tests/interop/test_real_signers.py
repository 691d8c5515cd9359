"""The real cosign 2 and 3 sign with the real Fulcio, Rekor v2 and timestamp server; they and we judge: one table.

A cell is cosign's word on an image beside ours. They agree, or the difference stands in `DIFFERENCES` with its cause.
"""

from __future__ import annotations

from typing import Any

import pytest

from auditor.model.identity import CLAIM_NAMES
from tests.interop.expected import DIFFERENCES, VERDICTS
from tests.interop.once import told
from tests.interop.stack.sigstore import SERVERS

pytestmark = [pytest.mark.interop, pytest.mark.slow]


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


def test_file_that_cosign_signed_verifies_for_its_signer_alone(answers: Any) -> None:
    assert answers["file"] == {"right": [0, 0], "stranger": [1, 1], "other file": [1, 1]}


def test_key_counts_where_the_rules_name_it(answers: Any) -> None:
    assert answers["key"] == {"named": ["verified", 0], "another": ["key-signed", 1]}
