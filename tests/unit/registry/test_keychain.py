from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from auditor.registry.keychain import Credential, CredentialError, Keychain

Answer = tuple[str, str] | None


def basic(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def configured(folder: Path, config: object, **environ: str) -> Keychain:
    (folder / "config.json").write_text(json.dumps(config))
    return Keychain({"DOCKER_CONFIG": str(folder), "HOME": "/nonexistent", **environ}, seconds=5)


def helper(folder: Path, name: str, script: str) -> str:
    """A credential helper in a folder of its own; the folder, for PATH."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    program = place / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{place}:/usr/bin:/bin"


def shown(found: Credential | None) -> Answer:
    return (found.user, found.password) if found else None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("team/app/web", ("deep", "3")),
        ("team/app", ("deep", "3")),
        ("team/other", ("team", "2")),
        ("elsewhere", ("host", "1")),
        ("team-x", ("host", "1")),
    ],
)
def test_the_most_specific_path_wins(tmp_path: Path, path: str, expected: Answer) -> None:
    auths = {
        "r.acme.example": basic("host", "1"),
        "r.acme.example/team": basic("team", "2"),
        "r.acme.example/team/app": basic("deep", "3"),
    }
    assert shown(configured(tmp_path, {"auths": auths}).find("r.acme.example", path)) == expected


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_many_names(tmp_path: Path, key: str) -> None:
    assert shown(
        configured(tmp_path, {"auths": {key: basic("me", "x")}}).find("registry-1.docker.io", "library/nginx")
    ) == ("me", "x")


@pytest.mark.parametrize("key", ["r.acme.example", "https://r.acme.example", "https://r.acme.example/v1/"])
def test_old_spellings_of_a_host(tmp_path: Path, key: str) -> None:
    assert shown(configured(tmp_path, {"auths": {key: basic("me", "x:y")}}).find("r.acme.example", "a")) == (
        "me",
        "x:y",
    )


def test_a_host_gets_no_other_hosts_credential(tmp_path: Path) -> None:
    keychain = configured(tmp_path, {"auths": {"r.acme.example": basic("me", "x")}})
    for host in ("acme.example", "evil-r.acme.example", "r.acme.example.evil.example", "r.acme.example:5000"):
        assert keychain.find(host, "r.acme.example") is None


def test_tokens_of_an_entry(tmp_path: Path) -> None:
    keychain = configured(
        tmp_path, {"auths": {"a.example": {"identitytoken": "I"}, "b.example": {"registrytoken": "R"}, "c.example": {}}}
    )
    identity, ready = keychain.find("a.example", "x"), keychain.find("b.example", "x")
    assert identity is not None
    assert identity.identity_token == "I"
    assert ready is not None
    assert ready.bearer == "R"
    assert keychain.find("c.example", "x") is None


def test_helpers_get_the_host_and_come_before_auths(tmp_path: Path) -> None:
    path = helper(
        tmp_path,
        "acme",
        'read host; echo "{\\"ServerURL\\":\\"$host\\",\\"Username\\":\\"u-$host\\",\\"Secret\\":\\"s\\"}"',
    )
    config = {
        "credHelpers": {"r.acme.example": "acme"},
        "auths": {"r.acme.example": basic("old", "x")},
        "credsStore": "none",
    }
    assert shown(configured(tmp_path, config, PATH=path).find("r.acme.example", "a")) == ("u-r.acme.example", "s")


def test_the_store_is_asked_last_and_once(tmp_path: Path) -> None:
    path = helper(
        tmp_path,
        "acme",
        f'cat >/dev/null; echo x >>{tmp_path}/count; echo "{{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"s\\"}}"',
    )
    keychain = configured(tmp_path, {"credsStore": "acme", "auths": {"r.acme.example": {}}}, PATH=path)
    for _ in range(3):
        found = keychain.find("r.acme.example", "a")
        assert found is not None
        assert found.identity_token == "s"
    assert (tmp_path / "count").read_text() == "x\n"


def test_a_store_that_knows_nothing(tmp_path: Path) -> None:
    path = helper(tmp_path, "acme", 'cat >/dev/null; echo "credentials not found in native keychain"; exit 1')
    assert configured(tmp_path, {"credsStore": "acme"}, PATH=path).find("r.acme.example", "a") is None


@pytest.mark.parametrize(
    "script",
    ["exit 3", "echo no json", 'echo "{}"', 'echo "[1]"', "sleep 30", 'echo "{\\"Username\\":1,\\"Secret\\":2}"'],
)
def test_helpers_that_fail(tmp_path: Path, script: str) -> None:
    path = helper(tmp_path, "acme", script)
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "acme"}))
    keychain = Keychain({"DOCKER_CONFIG": str(tmp_path), "PATH": path}, seconds=0.3)
    for repository in ("a", "b"):
        with pytest.raises(CredentialError, match="docker-credential-acme"):
            keychain.find("r.acme.example", repository)


@pytest.mark.parametrize("suffix", ["../evil", "a b", "x;id", "$(id)", "a/b"])
def test_helpers_with_impossible_names_are_not_run(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(CredentialError):
        configured(tmp_path, {"credsStore": suffix}, PATH="/usr/bin:/bin").find("r.acme.example", "a")


def test_nothing_comes_out_of_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper(tmp_path, "acme", f'touch {tmp_path}/ran; echo "{{\\"Username\\":\\"u\\",\\"Secret\\":\\"s\\"}}"')
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"r.acme.example": basic("me", "x")}}))
    monkeypatch.chdir(tmp_path)
    assert Keychain({"DOCKER_CONFIG": ".", "HOME": "."}, seconds=5).find("r.acme.example", "a") is None
    with pytest.raises(CredentialError, match="not on PATH"):
        configured(tmp_path, {"credsStore": "acme"}, PATH="bin:.").find("r.acme.example", "a")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", ["{", "[]", "\xff", "[" * 100_000])
def test_a_config_that_cannot_be_read_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(CredentialError, match=r"config\.json"):
        Keychain({"DOCKER_CONFIG": str(tmp_path)}, seconds=1).find("r.acme.example", "a")


def test_podman_before_docker(tmp_path: Path) -> None:
    for name, user in (("run/containers/auth.json", "podman"), ("home/.docker/config.json", "docker")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(json.dumps({"auths": {"r.acme.example": basic(user, "x")}}))
    environ = {"HOME": str(tmp_path / "home")}
    assert shown(Keychain(environ, seconds=1).find("r.acme.example", "a")) == ("docker", "x")
    environ["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    assert shown(Keychain(environ, seconds=1).find("r.acme.example", "a")) == ("podman", "x")


def test_the_token_of_github_actions_is_for_ghcr_only() -> None:
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t", "GITHUB_ACTOR": "octo"}
    keychain = Keychain(environ, seconds=1)
    assert shown(keychain.find("ghcr.io", "acme/api")) == ("octo", "t")
    assert keychain.find("ghcr.io.evil.example", "acme/api") is None
    assert Keychain({"GITHUB_TOKEN": "t"}, seconds=1).find("ghcr.io", "acme/api") is None


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(Credential("file", "me", "hush", "hush", "hush"))
