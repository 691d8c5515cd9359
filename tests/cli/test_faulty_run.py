"""A whole run against a registry that spoils one answer in five: every verdict is the true one, or "could not tell"."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from fixtures.registry import Body, Drip, Hang, Headers, Html, OciRegistry, Oversize, Reset, Status, Truncate
from fixtures.sigstore import github
from tests.cli.house import House, Images

COUNT: Final = 500
SECONDS: Final = 300.0
"""Much less than the deadline of a run, `limits.run_seconds`."""
SHARE: Final = 0.2
TRUTH: Final = ("verified", "verified", "wrong-signer", "unsigned", "attestation-only")
"""What the images are, in turn."""
FAULTS: Final[dict[str, Callable[[], Any]]] = {
    "503": lambda: Status(503),
    "500": lambda: Status(500),
    "401 without a challenge": lambda: Status(401),
    "403": lambda: Status(403),
    "no digest": lambda: Headers({"Docker-Content-Digest": None}),
    "reset in the body": lambda: Reset(3),
    "ended early": lambda: Truncate(7),
    "HTML with 200": Html,
    "other bytes": lambda: Body(b"{}"),
    "10 MB": Oversize,
    "a second of silence": lambda: Hang(1),
    "slow": lambda: Drip(64, 0.02),
}
BUSY: Final = (lambda: Status(429), lambda: Status(429, {"Retry-After": "1"}))
"""These make the whole run wait, so they are few."""


def sign(images: Images, number: int) -> str:
    """One more image; its name."""
    name = f"n{number}"
    match number % len(TRUTH):
        case 0:
            images.legacy(name)
        case 1:
            images.bundled(name, github(f"acme/{name}"))
        case 2:
            images.bundled(name, github(f"evil/{name}"))
        case 3:
            images.push(name)
        case _:
            images.attested(name)
    return name


@pytest.mark.slow
def test_500_images_with_one_answer_in_five_spoiled(house: House) -> None:
    with OciRegistry(seed=11) as registry:
        images = Images(registry)
        truth = {sign(images, number): TRUTH[number % len(TRUTH)] for number in range(COUNT)}
        house.commit_base({"auditor.yaml": images.rules()})
        house.commit({"new.yaml": images.pod(*truth)})
        clean = house.check()
        assert clean.verdicts == truth
        assert clean.status == 1
        registry.forget()
        for make in FAULTS.values():
            registry.faults.on("/v2/", make(), share=SHARE / len(FAULTS))
        for make in BUSY:
            registry.faults.on("/v2/", make(), times=3, skip=100)
        started = time.monotonic()
        ran = house.check()
        seconds = time.monotonic() - started
        requests = len(registry.requests)
    table = Counter((truth[name], str(verdict)) for name, verdict in ran.verdicts.items())
    lines = [f"{count:4}  {was:17} told {told}" for (was, told), count in sorted(table.items())]
    sys.stdout.write("\n".join([*lines, f"{requests} requests, {seconds:.1f} s", ""]))
    assert ran.verdicts.keys() == truth.keys()
    assert {told for was, told in table if told != was} <= {"unjudged"}
    assert table["verified", "verified"] > table["verified", "unjudged"]
    assert ran.status == 1
    assert seconds < SECONDS
