"""The shipped `rules/` folder: inside the wheel as package data, beside the package in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `rules/<name>` (`kinds`, `signers`, `catalog`)."""
    installed = _PACKAGE / "_rules" / name
    return installed if installed.is_dir() else _PACKAGE.parent / "rules" / name


def files(name: str, suffix: str) -> Iterator[Path]:
    """The files of `rules/<name>` that end in `suffix`, in name order."""
    yield from sorted(path for path in folder(name).iterdir() if path.suffix == suffix)
