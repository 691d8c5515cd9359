"""Whoever is asked for something and sends a byte now and then, in each phase of an audit: no longer than one request may take.

The bounds are lowered for the process; what is asked, and how, is the program's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from fixtures.loopback import Loopback, Quiet
from fixtures.sigstore.mirror import TufRepository
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow
SHORT = """\
from msgspec.structs import replace
import auditor.limits as limits
limits.DEFAULT = replace(limits.DEFAULT, request_seconds=3.0, read_seconds=3.0, connect_seconds=3.0)
from auditor.cli.main import run
run()
"""


class Slow(Loopback):
    """Answers whatever is asked with a byte now and then, without end."""

    def __init__(self) -> None:
        slow = self
        self.asked: list[str] = []

        class Handler(Quiet):
            def do_GET(self) -> None:
                slow.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                with suppress(OSError):
                    while not slow.over.wait(0.2):
                        self.wfile.write(b" ")
                        self.wfile.flush()

            do_POST = do_GET

        super().__init__(Handler)


@pytest.fixture
def slow() -> Iterator[Slow]:
    with Slow() as server:
        yield server


def audit(estate: Estate, *arguments: str, environ: dict[str, str] | None = None) -> tuple[int, dict[str, Any], str]:  # noqa: F811 - the fixture
    told = ["audit", "good", *arguments, "--history", str(estate.history), "-f", "json"]
    done = subprocess.run(
        [sys.executable, "-c", SHORT, *told],
        cwd=estate.folder,
        env=estate.house.process_environ(environ),
        capture_output=True,
        text=True,
        timeout=120,  # of what comes without end
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    report = json.loads(done.stdout)
    good = next(each for each in report["repositories"] if each["name"] == "good")
    assert (good["exit"], good["failure"]) == (0, None)
    return done.returncode, report, done.stderr


def trust_root(estate: Estate, slow: Slow) -> None:  # noqa: F811 - as above
    """A repository of TUF that the rules of one repository name."""
    root = TufRepository("slow", json.loads(estate.house.images.trusted_root()), at=datetime.now(UTC)).root
    rules = estate.house.images.rules().replace(
        "{file: trust/root.json}", f"{{name: own, tuf: '{slow.url}', root: root.json}}"
    )
    estate.own("bad", "api", more={"auditor.yaml": rules, "root.json": root})


def shared_rules(estate: Estate, slow: Slow) -> None:  # noqa: F811 - as above
    estate.own(
        "bad", "api", more={"auditor.yaml": f"version: 1\nextends: {{url: '{slow.url}/r', sha256: '{'0' * 64}'}}\n"}
    )


@pytest.mark.parametrize("phase", [trust_root, shared_rules])
def test_what_one_repository_asks_for_costs_no_other(
    estate: Estate,  # noqa: F811 - as above
    slow: Slow,
    phase: Callable[[Estate, Slow], None],
) -> None:
    estate.own("good", "api")
    phase(estate, slow)
    status, report, _ = audit(estate, "bad")
    assert slow.asked
    failure = next(each["failure"] for each in report["repositories"] if each["name"] == "bad")
    assert (status, failure is not None) == (3, True)
    assert slow.url in failure["why"]


@pytest.mark.parametrize("asked", ["webhook", "issues", "organisation"])
def test_a_forge_or_a_receiver_that_has_no_end(estate: Estate, slow: Slow, asked: str) -> None:  # noqa: F811 - as above
    """What was audited is reported all the same, and whoever did not answer is told of."""
    estate.own("good", "api")
    environ = {"GITHUB_API_URL": slow.url, "GITHUB_TOKEN": "t0ken", "AUDITOR_WEBHOOK_SECRET": "0123456789abcdef"}
    told = {
        "webhook": ["--notify", f"webhook={slow.url}/hook"],
        "issues": ["--notify", "github-issue=acme/gitops"],
        "organisation": ["github:acme"],
    }
    status, report, said = audit(estate, *told[asked], environ=environ)
    assert slow.asked
    failures = [each["failure"]["why"] for each in report["repositories"] if each["failure"]]
    assert status == (3 if asked == "organisation" else 0)
    assert len(failures) == (1 if asked == "organisation" else 0)
    assert "t0ken" not in said + json.dumps(report)
    assert said or failures
