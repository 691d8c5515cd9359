"""Where this program keeps files of its own: the user's cache and state, never a folder of the repository."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path, user_state_path


def cache_folder(part: str) -> Path:
    """What is kept between runs, by what it is: `registry`, `charts`, `rules` or `tuf`. Nothing is created here."""
    return user_cache_path("auditor") / part


def history_file() -> Path:
    """What audits remember unless `--history` names another file. Nothing is created here."""
    return user_state_path("auditor") / "history.sqlite"
