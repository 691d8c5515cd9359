"""`auditor doctor` as its users meet it: each trouble has its line and its remedy, and no secret is ever in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.config.load import load_rules
from auditor.doctor.checks import State
from auditor.doctor.registries import check_answers, registries
from auditor.model.place import Place
from auditor.model.use import Use
from fixtures.registry import OciRegistry
from tests.cli.house import House, Images, Ran, pod

SECRET = "hunter2-hunter2"


def lines(ran: Ran) -> dict[str, tuple[str, str, str]]:
    """State, detail and help by the name of the check."""
    document = json.loads(ran.out)
    assert document["schema"] == "auditor-doctor/v1"
    return {check["name"]: (check["state"], check["detail"], check["help"]) for check in document["checks"]}


def doctor(house: House, *arguments: str, environ: Mapping[str, str] | None = None) -> Ran:
    return house.run("doctor", ".", "-f", "json", *arguments, environ=environ).clean_of_tracebacks()


@pytest.fixture
def healthy(house: House) -> House:
    house.commit(dict(house.base))
    return house


def test_a_healthy_house(healthy: House) -> None:
    ran = doctor(healthy)
    found = lines(ran)
    host = healthy.images.registry.host
    assert ran.status == 0
    assert found["rules"][0] == "ok"
    assert "1 signer, 1 entry, otherwise" in found["rules"][1]
    assert found["trust root"][0] == "ok"
    assert found[f"credential {host}"][:2] == ("ok", "none: asked anonymously")
    assert found[f"registry {host}"][0] == "ok"
    assert found["clock"][0] == "ok"
    assert found["git"][0] == "ok"
    assert found["cache"][0] == "ok"


def test_lines_for_people_say_the_same(healthy: House) -> None:
    ran = healthy.run("doctor", ".")
    assert ran.status == 0
    assert all(line.startswith(("ok    ", "warn  ", "fail  ", "      → ")) for line in ran.out.splitlines())


def test_offline_asks_nobody(healthy: House) -> None:
    registry = healthy.images.registry
    before = len(registry.requests)
    found = lines(doctor(healthy, "--offline"))
    assert len(registry.requests) == before
    assert f"registry {registry.host}" not in found
    assert "clock" not in found


def test_rules_that_cannot_be_read(healthy: House) -> None:
    healthy.commit({"auditor.yaml": "version: 1\nnonsense: 3\n"})
    ran = doctor(healthy)
    assert ran.status == 1
    state, detail, help_line = lines(ran)["rules"]
    assert (state, "auditor.yaml:2" in detail, bool(help_line)) == ("fail", True, True)


def test_no_rules_yet(house: House) -> None:
    house.commit({"api.yaml": house.images.pod("api")})
    state, _, help_line = lines(doctor(house, "--offline"))["rules"]
    assert (state, "auditor init" in help_line) == ("warn", True)


def test_a_credential_is_named_by_its_place_and_never_shown(healthy: House) -> None:
    host = healthy.images.registry.host
    config = healthy.home / ".docker" / "config.json"
    config.parent.mkdir()
    auth = base64.b64encode(f"me:{SECRET}".encode()).decode()
    config.write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    ran = doctor(healthy)
    assert lines(ran)[f"credential {host}"][:2] == ("ok", f"from {config}")
    for secret in (SECRET, auth):
        assert secret not in ran.out + ran.err


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    program = tmp_path / "bin" / "docker-credential-odd"
    program.parent.mkdir()
    return program


@pytest.mark.parametrize(
    ("script", "state", "said"),
    [
        (f'cat >/dev/null; echo \'{{"Username":"me","Secret":"{SECRET}"}}\'', "ok", "from docker-credential-odd"),
        (f"cat >/dev/null; echo {SECRET} >&2; exit 3", "fail", "ended with status 3"),
        ("cat >/dev/null; echo nonsense", "fail", "did not answer with a credential"),
        (None, "fail", "docker-credential-odd is not on PATH"),
    ],
    ids=["works", "breaks", "babbles", "missing"],
)
def test_a_credential_helper_is_tried(healthy: House, helper: Path, script: str | None, state: str, said: str) -> None:
    host = healthy.images.registry.host
    config = healthy.home / ".docker" / "config.json"
    config.parent.mkdir()
    config.write_text(json.dumps({"credHelpers": {host: "odd"}}))
    if script is not None:
        helper.write_text(f"#!/bin/sh\n{script}\n")
        helper.chmod(0o755)
    path = {"PATH": f"{helper.parent}:{healthy.environ['PATH']}"}
    ran = doctor(healthy, "--offline", environ=path)
    found = lines(ran)[f"credential {host}"]
    assert (found[0], said in found[1]) == (state, True)
    assert ran.status == (1 if state == "fail" else 0)
    assert SECRET not in ran.out + ran.err


def test_a_registry_that_does_not_answer(healthy: House) -> None:
    rules = healthy.images.rules().replace(healthy.images.registry.host, "127.0.0.1:1")
    healthy.commit({"auditor.yaml": rules, "api.yaml": pod("x", "127.0.0.1:1/acme/x:1")})
    ran = doctor(healthy)
    assert (ran.status, lines(ran)["registry 127.0.0.1:1"][0]) == (1, "fail")


@pytest.mark.parametrize(
    ("apart", "state"),
    [
        (timedelta(seconds=5), State.OK),
        (timedelta(minutes=3), State.WARN),
        (-timedelta(minutes=3), State.WARN),
        (timedelta(hours=2), State.FAIL),
    ],
)
def test_the_clock_is_compared_with_the_registrys(shared_images: Images, apart: timedelta, state: State) -> None:
    rules = load_rules(
        {"auditor.yaml": shared_images.rules().partition("trust:")[0].encode()}.get,
        None,
        today=datetime.now(UTC).date(),
    )
    found = registries((Use(shared_images.ref("api"), Place("a.yaml")),), rules)
    now = datetime.now(UTC) + apart
    checks = {check.name: check for check in check_answers(found, rules, {}, now)}
    assert checks["clock"].state is state


def test_a_host_that_a_line_names_is_not_asked(healthy: House) -> None:
    with OciRegistry() as other:
        healthy.commit({"odd.yaml": pod("odd", f"{other.host}/acme/odd:1")})
        found = lines(doctor(healthy))
        assert f"credential {other.host}" not in found
        assert other.requests == []


def test_programs_that_are_missing(healthy: House) -> None:
    found = lines(doctor(healthy, "--offline", environ={"AUDITOR_KUSTOMIZE": "/nowhere/kustomize"}))
    assert found["kustomize"][0] == "warn"
    assert "AUDITOR_KUSTOMIZE" in found["kustomize"][2]


def test_a_cache_that_cannot_be_written(healthy: House, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = lines(doctor(healthy, "--offline", environ={"XDG_CACHE_HOME": str(tmp_path / "file")}))
    assert (found["cache"][0], "XDG_CACHE_HOME" in found["cache"][2]) == ("warn", True)


def test_the_ci_is_named(healthy: House) -> None:
    variables = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event"}
    assert "GitLab" in lines(doctor(healthy, "--offline", environ=variables))["ci"][1]
