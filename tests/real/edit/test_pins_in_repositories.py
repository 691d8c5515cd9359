"""Every image of real repositories, pinned: the bytes outside stay, two parsers see nothing else, a second run changes nothing."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from auditor.source.folder import FolderTree
from auditor.source.tree import EntryKind
from tests.support.pin_laws import assert_lawful
from tests.support.pinning import Pinned, pin

ROOT = Path(__file__).resolve().parents[3]
CORPUS = Path(os.environ.get("AUDITOR_SHARED", ROOT.parent / "shared")) / "corpus" / "repos"
NAMES = sorted(path.name for path in CORPUS.iterdir()) if CORPUS.is_dir() else []
FEW: Final = 20
"""Lines that may be left by hand in one repository: texts that name several images, fields whose chart nobody rendered."""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real repositories is not beside the project"),
]


def pinned(name: str) -> Pinned:
    tree = FolderTree(CORPUS / name)
    return pin({path: tree.read(path) for path, entry in tree.entries().items() if entry.kind is EntryKind.FILE})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_only_the_scalars_change(name: str) -> None:
    done = pinned(name)
    assert_lawful(done)
    assert done.again().after == {}
    lines = {(use.place.file, use.place.line): why for use, why in done.plan.left.items()}
    assert len(lines) <= FEW, Counter(lines.values())


def test_most_images_can_be_pinned() -> None:
    done = pinned("GoogleCloudPlatform+microservices-demo")
    assert len(done.plan.pinned) > 50
    assert not done.plan.left
