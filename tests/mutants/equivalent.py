"""Mutants that loosen nothing, and why: another statement refuses the same, or the case cannot occur."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EQUIVALENT: Final[Mapping[str, str]] = MappingProxyType({})
"""The name of the mutant → why it accepts nothing that the original refuses."""
