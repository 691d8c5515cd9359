"""The real cosign signs in the registries that people run; we find what it wrote, with the credentials that it used."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.interop.once import told
from tests.interop.stack.registries import KINDS, Kind
from tests.interop.stack.sigstore import SERVERS

pytestmark = [pytest.mark.interop, pytest.mark.slow]

VERDICTS: Final = {
    "bundle": "verified",
    "legacy": "verified",
    "attested": "attestation-only",
    "unsigned": "unsigned",
}
NOBODY_KNOWS: Final = dict.fromkeys(VERDICTS, "unjudged")
COSIGN: Final = {"bundle": 0, "legacy": 0, "attested": 10, "unsigned": 10}
"""cosign's exit status: 10 is `no signatures found`."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    programs = {kind.program for kind in KINDS} | {"cosign", "cosign2", *SERVERS}
    return told("tests.interop.real_registries", tmp_path_factory, *sorted(programs))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_verdicts_are_the_same_in_every_registry(answers: Any, kind: Kind) -> None:
    assert answers[str(kind)]["ours"] == VERDICTS
    assert answers[str(kind)]["cosign"] == COSIGN


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_without_credentials_nobody_is_called_unsigned(answers: Any, kind: Kind) -> None:
    assert answers[str(kind)]["anonymous"] == (NOBODY_KNOWS if kind.access == "password" else VERDICTS)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_token_endpoint_on_loopback_is_asked_only_where_the_rules_name_it(answers: Any, kind: Kind) -> None:
    """We are stricter here than other clients, which refuse an address of loopback, but not the name `localhost`."""
    assert answers[str(kind)]["realm not named"] == (NOBODY_KNOWS if kind.access == "token" else VERDICTS)
