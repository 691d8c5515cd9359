from __future__ import annotations

from tests.cli.conftest import house, images, shared_images

__all__ = ["house", "images", "shared_images"]
