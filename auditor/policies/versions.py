"""Which version of an engine the cluster runs, where that changes a verdict."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kyverno(StrEnum):
    """Versions of Kyverno that judge differently."""

    V1_13 = "1.13"
    V1_17 = "1.17"
    V1_19 = "1.19"


class Versions(Struct, frozen=True):
    """One version for each engine; the newest one read, unless the team says otherwise."""

    kyverno: Kyverno = Kyverno.V1_19
