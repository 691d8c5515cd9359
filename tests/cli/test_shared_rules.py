"""`extends: {url: …, sha256: …}` as its users meet it: fetched once from a real server, kept by its hash, never for a change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.limits import DEFAULT
from fixtures.loopback import Loopback, Quiet
from tests.cli.house import House


class Shelf(Loopback):
    """A server on loopback that gives files, and remembers what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        shelf = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                shelf.asked.append(self.path)
                content = shelf.files.get(self.path)
                self.send_response(200 if content is not None else 302 if self.path == "/moved" else 404)
                if self.path == "/moved":
                    self.send_header("Location", "/rules.yaml")
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

        super().__init__(Handler)

    def put(self, path: str, content: bytes) -> str:
        """The `extends:` of a file that is put there."""
        self.files[path] = content
        return self.extends(path, hashlib.sha256(content).hexdigest())

    def extends(self, path: str, sha: str) -> str:
        return f"extends: {{url: '{self.url}{path}', sha256: {sha}}}\n"


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with Shelf() as opened:
        yield opened


def organisation(house: House) -> bytes:
    """Everything of `acme/` is signed by its own repository, as the whole organisation has it."""
    return house.images.rules().partition("trust:")[0].encode()


def test_rules_of_an_address_judge_and_are_fetched_once(house: House, shelf: Shelf) -> None:
    mine = f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}trust: [{{file: trust/root.json}}]\n"
    house.commit_base({"auditor.yaml": mine})
    house.commit({"new.yaml": house.images.pod("web", "wrong")})
    for _ in range(2):
        ran = house.check()
        assert (ran.status, ran.verdicts) == (1, {"web": "verified", "wrong": "wrong-signer"})
    assert shelf.asked == ["/rules.yaml"], "the second run takes it from the cache, by its hash"
    assert house.run("check", ".", "--offline", "--base", "main", "-f", "json").status in (1, 3)
    assert shelf.asked == ["/rules.yaml"]


@pytest.mark.parametrize(
    "command",
    [
        ("images", "."),
        ("pin", ".", "--dry-run"),
        ("baseline", ".", "--dry-run"),
        ("waive", "ghcr.io/acme/x", "--until", "in a month", "--owner", "us", "--reason", "why", "--dry-run"),
        ("doctor", "."),
        ("init", ".", "--forge", "none"),
        ("policy", "lint", "."),
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_reads_rules_has_them(house: House, shelf: Shelf, command: tuple[str, ...]) -> None:
    more = "trust: [{file: trust/root.json}]\n"
    mine = f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}{more}"
    house.commit_base({"auditor.yaml": mine})
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    ran = house.run(*(until if each == "in a month" else each for each in command)).clean_of_tracebacks()
    assert ran.status in (0, 3), ran.err
    assert shelf.asked == ["/rules.yaml"]


def test_offline_without_a_copy_is_told(house: House, shelf: Shelf) -> None:
    house.commit_base({"auditor.yaml": f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}"})
    ran = house.run("check", ".", "--offline")
    assert (ran.status, shelf.asked) == (2, [])
    assert "--offline asks nobody" in ran.err


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/moved", "write the address that it leads to"),
        ("/gone", "status 404"),
        ("/large", "sent more than 1048576 bytes"),
    ],
)
def test_what_cannot_be_had_ends_the_run(house: House, shelf: Shelf, path: str, why: str) -> None:
    shelf.files["/large"] = b"#" * (DEFAULT.rules_bytes + 1)
    sha = hashlib.sha256(shelf.files["/large"]).hexdigest()
    house.commit_base({"auditor.yaml": f"version: 1\n{shelf.extends(path, sha)}"})
    ran = house.run("check", ".").clean_of_tracebacks()
    assert ran.status == 2
    assert why in ran.err
    assert "/rules.yaml" not in shelf.asked, "a redirect is not followed"


def test_other_bytes_than_were_read_are_refused_and_not_kept(house: House, shelf: Shelf) -> None:
    mine = f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}"
    shelf.files["/rules.yaml"] = b"version: 1\notherwise: allow\n"
    house.commit_base({"auditor.yaml": mine})
    for _ in range(2):
        ran = house.run("check", ".")
        assert (ran.status, "has the hash" in ran.err) == (2, True)
    assert len(shelf.asked) == 2


def test_a_cache_that_somebody_wrote_into_is_no_way_in(house: House, shelf: Shelf) -> None:
    """The bytes kept under a hash are compared with it again."""
    house.commit_base({"auditor.yaml": f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}"})
    house.run("check", ".")
    for kept in (house.home / ".cache" / "auditor" / "rules").rglob("*"):
        if kept.is_file():
            evil = b"version: 1\notherwise: allow\n"
            kept.write_bytes(hashlib.sha256(evil).hexdigest().encode() + b"\n" + evil)
    ran = house.run("check", ".")
    assert (ran.status, "has the hash" in ran.err) == (2, True)


def test_no_address_is_asked_because_a_change_names_it(house: House, shelf: Shelf) -> None:
    extends = shelf.put("/evil.yaml", b"version: 1\notherwise: allow\n")
    house.commit_base()
    house.commit({"auditor.yaml": house.images.rules(extends), "new.yaml": house.images.pod("wrong")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})
    assert "rules-changed" in ran.rules
    assert shelf.asked == []


@pytest.mark.parametrize("address", ["http://acme.example/rules.yaml", "file:///etc/passwd", "ftp://acme.example/x"])
def test_only_https_and_this_machine_are_addresses(house: House, address: str) -> None:
    house.commit_base({"auditor.yaml": f"version: 1\nextends: {{url: '{address}', sha256: {'a' * 64}}}\n"})
    ran = house.run("check", ".")
    assert ran.status == 2
    assert "auditor.yaml:2" in ran.err


def test_what_is_kept_can_be_seen_and_cleared(house: House, shelf: Shelf, tmp_path: Path) -> None:
    house.commit_base({"auditor.yaml": f"version: 1\n{shelf.put('/rules.yaml', organisation(house))}"})
    house.run("check", ".")
    assert any(
        line.startswith("1 entries") and line.endswith("/rules") for line in house.run("cache", "info").out.splitlines()
    )
    house.run("cache", "clear")
    house.run("check", ".")
    assert shelf.asked == ["/rules.yaml", "/rules.yaml"]
