"""What the cases of a closed union have in common."""

from __future__ import annotations

from msgspec import Struct


class Case(Struct, frozen=True, tag=True, tag_field="_", forbid_unknown_fields=True):
    """One case of a closed union. Written down it carries the name of its class, so that no other is read for it."""
