"""Where this program keeps files of its own: the user's cache, never a folder of the repository."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path


def cache_folder(part: str) -> Path:
    """What is kept between runs, by what it is: `registry`, `charts`, `rules` or `tuf`. Nothing is created here."""
    return user_cache_path("auditor") / part
