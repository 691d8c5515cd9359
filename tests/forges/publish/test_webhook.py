"""The summary of an audit, posted: signed, bounded, to one address only, and no trouble of the audit's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from jsonschema import Draft202012Validator

from auditor.errors import UsageError
from auditor.model.evidence import FaultKind
from auditor.model.report import Exit
from auditor.publish.outcome import Did
from auditor.publish.webhook import SCHEMA_FILE, SECRET, check_address, post, signature, summary
from auditor.registry.faults import Failed
from fixtures.loopback import Loopback, Quiet
from fixtures.registry import OciRegistry
from tests.cli.house import House, Images
from tests.cli.test_audit import Estate
from tests.support import fleets
from tests.support.forges import HURRIED, NOW
from tests.support.schemas import closed

WORD = "a secret that both sides know"


class Receiver(Loopback):
    """What somebody would run: it keeps what it takes, and answers as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        receiver = self

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

        super().__init__(Handler)

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"{super().url}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def documented() -> Callable[[dict[str, str], bytes, bytes], bool]:
    """The receiver's side, as the page has it."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "how-to" / "be-told-about-audits.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - our own page
    is_ours: Callable[[dict[str, str], bytes, bytes], bool] = found["is_ours"]
    return is_ours


def verified(headers: dict[str, str], body: bytes, shift: int = 0) -> bool:
    """Whether it is taken, so many seconds later."""
    named = {name.title(): value for name, value in headers.items()}
    with patch("time.time", return_value=NOW.timestamp() + shift):
        return documented()(named, body, WORD.encode())


def send(receiver: Receiver, told: dict[str, Any] | None = None) -> Did:
    return post(told or {"a": 1}, receiver.url, {SECRET: WORD}, HURRIED, NOW).did


def test_it_is_signed(receiver: Receiver) -> None:
    assert send(receiver) is Did.SENT
    ((headers, body),) = receiver.taken
    assert verified(headers, body)
    assert not verified(headers, body + b" ")
    assert not verified(headers, body, 301)
    later = {**headers, "x-auditor-timestamp": str(int(NOW.timestamp()) + 200)}
    assert not verified(later, body, 200), "the time is part of what is signed"
    assert WORD not in str(receiver.taken)
    assert signature(WORD, "1", b"x") != signature(WORD + "!", "1", b"x")


def test_what_passes_is_tried_again_and_what_does_not_is_not(receiver: Receiver) -> None:
    receiver.answers = [(503, {}), (429, {"Retry-After": "0"})]
    assert send(receiver) is Did.SENT
    assert len({headers["x-auditor-delivery"] for headers, _ in receiver.taken}) == 1
    assert len(receiver.taken) == 3
    receiver.taken.clear()
    receiver.answers = [(401, {})]
    with pytest.raises(Failed):
        send(receiver)
    assert len(receiver.taken) == 1


def test_no_redirect_is_followed(receiver: Receiver) -> None:
    receiver.answers = [(307, {"Location": receiver.url})]
    with pytest.raises(Failed, match="307"):
        send(receiver)
    assert len(receiver.taken) == 1


def test_nobody_answers() -> None:
    with Receiver() as gone:
        pass
    with pytest.raises(Failed) as raised:
        post({}, gone.url, {SECRET: WORD}, HURRIED, NOW)
    assert raised.value.fault.kind is FaultKind.REFUSED


@pytest.mark.parametrize("url", ["http://hooks.acme.example/x", "ftp://x/", "hooks.acme.example", "", "https://"])
def test_addresses_that_nothing_is_posted_to(url: str) -> None:
    with pytest.raises(UsageError):
        check_address(url, {SECRET: WORD})


@pytest.mark.parametrize("environ", [{}, {SECRET: ""}, {SECRET: "short"}])
def test_nothing_is_posted_unsigned(environ: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=SECRET):
        check_address("https://hooks.acme.example/x", environ)
    check_address("https://hooks.acme.example/x", {SECRET: WORD})


def test_the_summary_is_bounded() -> None:
    told = summary(fleets.Listed(fleets.run(), tuple(fleets.many(300, images=2))), Exit.FINDINGS)
    assert told["repositories"] == 300
    assert len(told["failing"]) <= 200
    assert len(told["changed"]) <= 100
    assert len(json.dumps(told)) < 200_000


def test_an_audit_tells(receiver: Receiver, tmp_path: Path) -> None:
    with OciRegistry() as registry:
        folder = tmp_path / "estate"
        folder.mkdir()
        estate = Estate(House(tmp_path, Images(registry)), folder)
        estate.own("apps", "api", "unsigned")
        environ = {SECRET: WORD}
        ran = estate.audit("apps", "--notify", f"webhook={receiver.url}", environ=environ, status=1)
        ((_, body),) = receiver.taken
        told = json.loads(body)
        Draft202012Validator(closed(json.loads(SCHEMA_FILE.read_text("utf-8")))).validate(told)
        assert (told["exit"], [each["name"] for each in told["failing"]]) == (1, ["apps"])
        receiver.answers = [(403, {})]
        again = estate.audit("apps", "--notify", f"webhook={receiver.url}", environ=environ, status=1)
        assert "webhook failed" in again.err
        assert again.report["summary"] == ran.report["summary"]
        for wrong in ("webhook=http://hooks.acme.example/", "pigeon", "github-issue=acme"):
            assert estate.audit("apps", "--notify", wrong, environ=environ, status=2).out == ""
