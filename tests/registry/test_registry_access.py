"""Tokens, Basic, redirects: who is shown which credential, over real sockets."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.config.rules import RegistrySettings
from auditor.limits import DEFAULT
from auditor.model.evidence import Fault, FaultKind, Resolved
from auditor.model.reference import Reference
from auditor.registry.client import RegistryClient
from fixtures.registry import BasicAccess, OciRegistry, Quirks, Redirect, Status, TokenAccess
from tests.registry.asking import ask, client, put_legacy

USERS = {"robot": 's3cret:with,odd"signs'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def environ(folder: Path, host: str, **entry: str) -> dict[str, str]:
    """A docker configuration with one entry."""
    user, password = next(iter(USERS.items()))
    known = entry or {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
    (folder / "config.json").write_text(json.dumps({"auths": {host: known}}))
    return {"DOCKER_CONFIG": str(folder)}


def authorised(registry: OciRegistry) -> list[str]:
    return [seen.headers["authorization"] for seen in registry.requests if "authorization" in seen.headers]


@pytest.mark.parametrize("field", ["token", "access_token"])
@pytest.mark.parametrize("expires", [None, 300])
def test_anonymous_tokens(field: str, expires: int | None) -> None:
    access = TokenAccess(field=field, expires_in=expires, extra_challenge='Negotiate, Basic realm="a, b", ')
    with OciRegistry(access=access) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        first = ask(opened, registry, registry.reference("acme/api", "1"))
        again = ask(opened, registry, registry.reference("acme/api", "1"))
        assert first.found == again.found == ["SimpleSigning"]
        assert sum("/token" in request for request in first.requests) == 1
        assert sum("/token" in request for request in again.requests) == 0


def test_a_second_repository_costs_a_token_and_no_knock() -> None:
    with OciRegistry(access=TokenAccess()) as registry, client(registry) as opened:
        for name in ("acme/a", "acme/b"):
            put_legacy(registry, name)
        ask(opened, registry, registry.reference("acme/a", "1"))
        asked = ask(opened, registry, registry.reference("acme/b", "1"))
        assert [seen.status for seen in registry.requests].count(401) == 0
        assert sum("/token" in request for request in asked.requests) == 1


def test_one_token_for_many_threads() -> None:
    with OciRegistry(access=TokenAccess(), latency=0.05) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        references = [Reference.parse(registry.reference("acme/api", "1"))] * 24
        with ThreadPoolExecutor(24) as pool:
            found = list(pool.map(opened.resolve, references))
        assert all(isinstance(one, Resolved) for one in found)
        assert sum("/token" in request for request in registry.asked()) == 1


def test_a_private_registry_by_tokens(folder: Path) -> None:
    access = TokenAccess(users=USERS, anonymous=False)
    with OciRegistry(access=access) as registry:
        put_legacy(registry, "acme/api")
        with client(registry) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"unauthorized"}
        with client(registry, environ=environ(folder, registry.host)) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]
            basic = [seen for seen in registry.requests if seen.headers.get("authorization", "").startswith("Basic")]
            assert all(seen.path.startswith("/token") for seen in basic)


def test_identity_tokens_are_exchanged_by_post(folder: Path) -> None:
    access = TokenAccess(anonymous=False, identity_tokens={"refresh-me": "robot"})
    with OciRegistry(access=access) as registry:
        put_legacy(registry, "acme/api")
        with client(registry, environ=environ(folder, registry.host, identitytoken="refresh-me")) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
            assert asked.found == ["SimpleSigning"]
            assert sum(request.startswith("POST /token") for request in asked.requests) == 1
        with client(registry, environ=environ(folder, registry.host, identitytoken="stale")) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"unauthorized"}


def test_basic(folder: Path) -> None:
    with OciRegistry(access=BasicAccess(USERS)) as registry:
        put_legacy(registry, "acme/api")
        with client(registry) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"unauthorized"}
        with client(registry, environ=environ(folder, registry.host)) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
            assert asked.found == ["SimpleSigning"]
            assert [seen.status for seen in registry.requests].count(401) == 1


@pytest.mark.parametrize("config", ['{"credsStore": "desktop"}', "{"])
def test_a_broken_helper_keeps_nobody_from_public_images(folder: Path, config: str) -> None:
    (folder / "config.json").write_text(config)
    environ = {"DOCKER_CONFIG": str(folder), "PATH": "/nonexistent"}
    for access, kinds in (
        (TokenAccess(), set()),
        (TokenAccess(users=USERS, anonymous=False), {"credential"}),
        (BasicAccess(USERS), {"credential"}),
    ):
        with OciRegistry(access=access) as registry, client(registry, environ=environ) as opened:
            put_legacy(registry, "acme/api")
            assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == kinds


def test_no_credential_without_a_challenge(folder: Path) -> None:
    with OciRegistry() as registry, client(registry, environ=environ(folder, registry.host)) as opened:
        put_legacy(registry, "acme/api")
        ask(opened, registry, registry.reference("acme/api", "1"))
        assert authorised(registry) == []


@pytest.mark.parametrize("known", [True, False], ids=["its own clock", "revoked"])
def test_a_token_that_ends_in_the_middle_of_a_run(known: bool) -> None:
    access = TokenAccess(expires_in=1 if known else 300)
    with OciRegistry(access=access) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]
        registry.tokens.expire()
        if known:
            time.sleep(0.9)
        asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert asked.found == ["SimpleSigning"]
        assert [seen.status for seen in registry.requests].count(401) == (0 if known else 1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Status(503), "server-error"),
        (Status(429), "rate-limited"),
        (Status(200, body=b"<html>"), "malformed-answer"),
        (Status(200, body=b'{"token": 7}'), "malformed-answer"),
        (Status(200, body=b'{"token": "x", "expires_in": 1' + b"0" * 400 + b"}"), "unauthorized"),
        (Status(200, body=b'{"token": "a\\r\\nX-Evil: 1"}'), "malformed-answer"),
        (Status(200, body=b"x" * 300_000), "too-large"),
        (Status(403), "unauthorized"),
        (Redirect("http://169.254.169.254/token"), "bad-redirect"),
        (Redirect("/token?again"), "bad-redirect"),
    ],
)
def test_token_endpoints_that_misbehave(fault: Status | Redirect, kind: str) -> None:
    with OciRegistry(access=TokenAccess()) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        registry.faults.on("/token", fault)
        assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {kind}


def test_a_token_endpoint_that_recovers() -> None:
    with OciRegistry(access=TokenAccess()) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        registry.faults.on("/token", Status(503), times=1)
        assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]


def test_a_realm_elsewhere_gets_nothing_unless_it_is_named(folder: Path) -> None:
    with OciRegistry(access=TokenAccess(users=USERS)) as tokens:
        access = TokenAccess(users=USERS, anonymous=False, realm=f"{tokens.url}/token")
        with OciRegistry(access=access) as registry:
            registry.tokens = tokens.tokens
            put_legacy(registry, "acme/api")
            secrets = environ(folder, registry.host)
            with client(registry, environ=secrets) as opened:
                assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"credential"}
            assert tokens.requests == []
            named = {registry.host: RegistrySettings(registry.host, realm=tokens.host)}
            with client(registry, environ=secrets, settings=named) as opened:
                assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]
            assert tokens.requests


def test_blobs_elsewhere_are_fetched_without_the_credential(folder: Path) -> None:
    with OciRegistry() as storage:
        quirks = Quirks(blob_host=storage.url)
        with OciRegistry(access=BasicAccess(USERS), quirks=quirks) as registry:
            put_legacy(registry, "acme/api")
            put_legacy(storage, "acme/api")
            secrets = environ(folder, registry.host)
            with client(registry, environ=secrets) as opened:
                assert ask(opened, registry, registry.reference("acme/api", "1")).kinds == {"bad-redirect"}
            assert storage.requests == []
            named = {storage.host: RegistrySettings(storage.host)}
            with client(registry, environ=secrets, settings=named) as opened:
                assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]
            assert len(storage.requests) == 1
            assert authorised(storage) == []


def test_missing_and_no_access_are_one_answer() -> None:
    with OciRegistry(quirks=Quirks(missing_is_denied=True)) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        found = ask(opened, registry, registry.reference("acme/none", "1")).resolution
        assert isinstance(found, Fault)
        assert found.kind is FaultKind.UNAUTHORIZED
        assert "missing, or no access" in found.detail


@pytest.mark.parametrize("host", ["\uff11\uff12\uff17.0.0.1", "\u24dbocalhost", "xn--", "999.1.1.1", "[v1.x]"])
@pytest.mark.parametrize("is_realm", [True, False])
def test_a_host_that_is_none_is_a_fault(host: str, *, is_realm: bool) -> None:
    """Of a realm or a redirect: what httpx cannot read as a host must not end the question in any other way."""
    header = f'WWW-Authenticate: Bearer realm="https://{host}/t"' if is_realm else f"Location: https://{host}/x"
    status = "401 Unauthorized" if is_realm else "302 Found"
    answer = f"HTTP/1.1 {status}\r\n{header}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    with answering(answer) as origin, RegistryClient({}, {}, DEFAULT) as opened:
        found = opened.resolve(Reference.parse(f"{origin}/acme/api:1"))
    assert isinstance(found, Fault)
    assert found.kind in (FaultKind.MALFORMED, FaultKind.REDIRECT, FaultKind.CREDENTIAL, FaultKind.NO_SUCH_HOST)


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server on loopback that gives every request the same answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)

    def serve() -> None:
        for _ in range(10):
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(5)
                sock.recv(65_536)
                sock.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)
