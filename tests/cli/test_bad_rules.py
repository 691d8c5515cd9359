"""An auditor.yaml with mistakes: every one of them at once, with its line and what to do, and nothing is judged."""

from __future__ import annotations

import re

import pytest

from tests.cli.house import House

MISTAKES = """\
version: 1
singers: {}
signers:
  empty: {}
  bad-regex: {issuer: https://acme.example, subject-regex: "("}
  anybody: {issuer: https://token.actions.githubusercontent.com, subject: "**"}
images:
  - {match: ghcr.io/acme/**, signed-by: nobody}
  - {match: ghcr.io/acme/**, signed-by: empty, sigend: true}
  - {signed-by: empty}
otherwise: maybe
waivers:
  - {image: ghcr.io/acme/x, rule: unsigned-image, owner: us, reason: because}
  - {image: ghcr.io/acme/x, rule: no-such-rule, until: 2030-13-41, owner: us, reason: because}
  - {image: "**", rule: unsigned-image, until: 2026-12-01, owner: us, reason: because}
  - {image: ghcr.io/acme/x, rule: unsigned-image, until: 2999-01-01, owner: us, reason: because}
trust: [{file: trust/absent.json}]
"""


def test_every_mistake_is_told_at_once_with_its_line(house: House) -> None:
    house.commit_base({"auditor.yaml": MISTAKES})
    house.commit({"web.yaml": house.images.pod("web")})
    house.images.registry.forget()
    ran = house.run("check", ".", "--base", "main").clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    told = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    lines = [int(match[1]) for line in told if (match := re.match(r"error: auditor\.yaml:(\d+): .", line))]
    assert len(lines) == len(told)
    assert {2, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17} <= set(lines)
    assert lines == sorted(lines)
    assert ran.err.count("\n  help: ") == len(told)
    assert house.images.registry.requests == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("version: 1\nversion: 1\n", "version"),
        ("version: 2\n", "auditor.yaml:1"),
        ("", "auditor.yaml"),
        ("- a\n- b\n", "auditor.yaml:1"),
        ("version: 1\nimages: [\n", "auditor.yaml:"),
        ("version: 1\n\tsigners: {}\n", "auditor.yaml:2"),
        (b"version: 1\n\xff\xfe\x00", "auditor.yaml"),
        ("a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n" * 1, "auditor.yaml"),
        ("version: 1\nextends: {file: auditor.yaml}\n", "extended in a circle"),
        ("version: 1\nextends: {file: ../auditor.yaml}\n", "../auditor.yaml"),
        ("version: 1\nextends: {file: /etc/passwd}\n", "/etc/passwd"),
        (
            f"version: 1\nextends: {{url: https://127.0.0.1:1/a.yaml, sha256: {'a' * 64}}}\n",
            "cannot be fetched: ",
        ),
        ("version: 1\nextends: {url: https://127.0.0.1:1/a.yaml}\n", "no `sha256`"),
        ("version: 1\nsigners: {k: {key: keys/absent.pub}}\n", "no file keys/absent.pub"),
        ("version: 1\nsigners: !!python/object:os.system {}\n", "auditor.yaml"),
        ("version: 1\n" + "x" * (2 * 1024 * 1024), "auditor.yaml"),
        ("version: 1\nimages:\n" + "  - {match: " + "*" * 100_000 + ", unsigned: allow}\n", "auditor.yaml"),
    ],
)
def test_each_mistake_alone(house: House, content: bytes | str, message: str) -> None:
    house.commit_base({"auditor.yaml": content})
    house.commit({"web.yaml": house.images.pod("web")})
    ran = house.run("check", ".", "--base", "main").clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert len(ran.err) < 4000


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "x"}', "\x00", "[" * 100_000])
def test_a_baseline_that_is_none(house: House, content: str) -> None:
    house.commit_base({".auditor-baseline.json": content})
    ran = house.run("check", ".", "--base", "main").clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert ".auditor-baseline.json" in ran.err


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"mediaType": "x"}', "\x00", '{"certificateAuthorities": [{}]}'])
def test_a_trust_root_of_the_rules_that_is_none(house: House, content: str) -> None:
    house.commit_base({"trust/root.json": content})
    house.commit({"web.yaml": house.images.pod("web")})
    ran = house.run("check", ".", "--base", "main").clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert "trust/root.json" in ran.err


def test_a_waiver_that_has_expired_is_a_finding_and_waives_nothing(house: House) -> None:
    host = house.images.registry.host
    expired = (
        f"waivers:\n  - {{image: '{host}/acme/wrong', rule: wrong-signer, until: 2026-01-01, owner: us, reason: x}}\n"
    )
    house.commit_base({"auditor.yaml": house.images.rules(expired)})
    house.commit({"new.yaml": house.images.pod("wrong", "web")})
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer", "web": "verified"})
    assert {"waiver-expired", "wrong-signer"} <= set(ran.rules)


def test_a_hostile_rules_file_does_not_write_to_the_terminal(house: House) -> None:
    house.commit_base({"auditor.yaml": 'version: 1\n"\\x1b[31m\\n::error::x": 1\n'})
    ran = house.run("check", ".")
    assert ran.status == 2
    assert "\x1b" not in ran.err
    assert not any(line.startswith("::") for line in ran.err.splitlines())
