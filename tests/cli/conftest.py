from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.registry import OciRegistry
from tests.cli.house import House, Images


@pytest.fixture(scope="session")
def shared_images() -> Iterator[Images]:
    """Images that no test changes."""
    with OciRegistry() as registry:
        yield Images(registry)


@pytest.fixture
def images(shared_images: Images) -> Iterator[Images]:
    """The images, with every fault of the registry switched off afterwards."""
    yield shared_images
    shared_images.registry.faults.off()


@pytest.fixture
def house(tmp_path: Path, images: Images) -> House:
    return House(tmp_path, images)
