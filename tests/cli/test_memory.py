"""Memory stays flat in the number of images: what a run keeps of each is what its report says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

import pytest

from fixtures.registry import OciRegistry
from tests.cli.house import House, Images

FEW: Final = 40
MANY: Final = 640
PER_IMAGE: Final = 24 * 1024
"""Bytes that one more image may cost at the peak: its evidence, its row and its findings in the report (5,000 images: 120 MB)."""
SLACK: Final = 12 * 1024 * 1024
"""More threads and connections."""


def peak(house: House, images: Images, count: int) -> int:
    """Bytes that a check of so many unsigned images holds at its peak."""
    for number in range(count):
        images.push(f"n{number}")
    (house.repo / "auditor.yaml").write_text(images.rules())
    (house.repo / "trust").mkdir(exist_ok=True)
    (house.repo / "trust/root.json").write_text(images.trusted_root())
    manifests = house.repo / "many.yaml"
    manifests.write_text(images.pod(*(f"n{number}" for number in range(count))))
    command = [sys.executable, "-m", "auditor", "check", "many.yaml", "--config", "auditor.yaml", "-f", "json"]
    with subprocess.Popen(
        command, cwd=house.repo, env=house.process_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.stderr is not None
        assert process.returncode == 1, process.stderr.read()[-2000:]
    return usage.ru_maxrss * 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_memory_is_flat_in_the_number_of_images(house: House) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        few, many = peak(house, images, FEW), peak(house, images, MANY)
    sys.stdout.write(f"{FEW} images: {few >> 20} MiB, {MANY} images: {many >> 20} MiB\n")
    assert many - few < (MANY - FEW) * PER_IMAGE + SLACK
