"""The real GitHub issuer by name, `ghcr.io` by name and TLS, and a check of a pull request with the shorthand that people write."""

from __future__ import annotations

from typing import Any

import pytest

from tests.interop.once import told
from tests.interop.stack.sigstore import SERVERS

pytestmark = [pytest.mark.interop, pytest.mark.slow]

OUTCOMES = {
    # image: our verdict, cosign's exit status
    "release": ("verified", 0),
    "old": ("verified", 0),  # cosign 2's format
    "branch": ("wrong-signer", 1),
    "stranger": ("wrong-signer", 1),
    "proposal": ("wrong-signer", 0),  # built by a pull request: cosign does not ask what started a build
    "unsigned": ("unsigned", 10),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return told("tests.interop.real_names", tmp_path_factory, "cosign", "cosign2", *SERVERS)


def test_pull_request_over_real_names_is_judged(answers: Any) -> None:
    assert {name: (answers["verdicts"][name], answers["cosign"][name]) for name in answers["verdicts"]} == OUTCOMES
    assert answers["exit"] == 1


def test_registry_behind_the_name_was_asked(answers: Any) -> None:
    assert answers["asked"] == ["acme"]
