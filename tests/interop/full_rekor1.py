"""The real Rekor v1 on Trillian and PostgreSQL, with the real cosign 2 and 3: run by `make interop-full` only.

Its name keeps it out of other runs: the log's programs take long to build.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.expected import REKOR1_DIFFERENCES, REKOR1_VERDICTS
from tests.interop.once import told
from tests.interop.stack.rekor1 import PROGRAMS, SCHEMA, postgresql
from tests.interop.stack.sigstore import SERVERS

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if postgresql() is None or not SCHEMA.exists():
        pytest.skip("no PostgreSQL on this machine, or no schema of Trillian beside the programs: make interop-full")
    return told("tests.interop.real_rekor1", tmp_path_factory, "cosign", "cosign2", *SERVERS, *PROGRAMS)


def test_verdicts_are_these(answers: Any) -> None:
    assert answers["verdicts"]["shop"] == REKOR1_VERDICTS


def test_nothing_but_the_other_identity_verifies_as_the_other(answers: Any) -> None:
    verified = {case for case, verdict in answers["verdicts"]["other"].items() if verdict == "verified"}
    assert verified == {"legacy-wrong"}


def test_cosign_says_the_same_but_for_attestations(answers: Any) -> None:
    ours = answers["verdicts"]["shop"]
    differing = {
        (column, case)
        for column in ("cosign3", "cosign2")
        for case, (status, _) in answers["cosign"][column].items()
        if (status == 0) != (ours[case] == "verified")
    }
    assert differing == set(REKOR1_DIFFERENCES)
