"""Runs that end in the middle: the next run with the same cache says what a run without one says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.registry import Hang, OciRegistry
from tests.cli.house import House, Images, Ran
from tests.support.waiting import until

NAMES = ("api", "worker", "web", "wrong", "unsigned", "attested")
TRUTH = {
    "api": "verified",
    "worker": "verified",
    "web": "verified",
    "wrong": "wrong-signer",
    "unsigned": "unsigned",
    "attested": "attestation-only",
}


def broken_off(house: House, images: Images, how: signal.Signals) -> int:
    """Start a check, wait until a signature was fetched while other images still hang, and end it."""
    command = [sys.executable, "-m", "auditor", "check", ".", "--base", "main", "-f", "json"]
    images.registry.forget()
    images.registry.faults.on(r"/acme/(wrong|unsigned|attested)/", Hang(3600))
    with subprocess.Popen(
        command, cwd=house.repo, env=house.process_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: kept(house, images))
        process.send_signal(how)
        process.wait(60)
    assert fetched(images, "web")
    images.registry.faults.off()
    return process.returncode


def kept(house: House, images: Images) -> bool:
    """Whether a blob of `web` that was asked for is in the cache, whose files end with what they keep."""
    blobs = images.registry.store.open("acme/web").blobs
    asked = {request.rpartition("/")[2] for request in images.registry.asked() if "/acme/web/blobs/" in request}
    files = [content(path) for path in (house.home / ".cache").rglob("*")]
    return any(file.endswith(blobs[digest]) for digest in asked for file in files)


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a folder, or no longer there
        return b""


def fetched(images: Images, name: str) -> bool:
    """Whether a blob of this image was asked for since the log began."""
    return any(f"/acme/{name}/blobs/" in request for request in images.registry.asked())


def again(house: House, images: Images, **environ: str) -> Ran:
    images.registry.forget()
    return house.program("check", ".", "--base", "main", "-f", "json", environ=environ)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "status"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)], ids=["kill", "interrupt"]
)
def test_the_run_after_one_that_was_ended_in_the_middle_is_right(
    house: House, how: signal.Signals, status: int, tmp_path: Path
) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        house.commit_base({"auditor.yaml": images.rules(), "trust/root.json": images.trusted_root()})
        house.commit({"new.yaml": images.pod(*NAMES)})
        assert broken_off(house, images, how) == status
        ran = again(house, images)
        from_cache = not fetched(images, "web")
        without = again(house, images, XDG_CACHE_HOME=str(tmp_path / "empty"))
    assert ran.verdicts == TRUTH
    assert ran.status == without.status == 1
    assert from_cache, "what the first run had fetched was kept"
    assert findings(ran) == findings(without)


def findings(ran: Ran) -> list[tuple[str, str | None, str]]:
    return [(each["rule"], each["image"], each["message"]) for each in json.loads(ran.out)["findings"]]
