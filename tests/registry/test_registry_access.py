"""Tokens, Basic, TLS, mirrors, redirects: who is shown which credential, over real sockets."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from auditor.config.rules import RegistrySettings
from auditor.model.evidence import Fault, FaultKind, Resolved
from auditor.model.reference import Reference
from auditor.registry.client import open_registry
from fixtures.registry import BasicAccess, Headers, OciRegistry, Quirks, Redirect, Status, TokenAccess
from tests.registry.asking import SHORT, ask, client, put_bundled, put_legacy

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


# ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def secure() -> Iterator[OciRegistry]:
    with OciRegistry(tls=True) as registry:
        put_bundled(registry, "acme/api")
        yield registry


def test_a_private_authority(secure: OciRegistry) -> None:
    with client(secure) as opened:
        assert ask(opened, secure, secure.reference("acme/api", "1")).found == ["BundleBytes"]


def test_a_certificate_of_nobody_we_know(secure: OciRegistry) -> None:
    other = {secure.host: RegistrySettings(secure.host, client_certificate="/nonexistent", client_key="/nonexistent")}
    with open_registry(other, environ={}, limits=SHORT) as opened:
        found = opened.resolve(Reference.parse(secure.reference("acme/api", "1")))
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.TLS
    host = f"localhost:{secure.host.partition(':')[2]}"
    mirrored = {
        "r.acme.example": RegistrySettings("r.acme.example", mirror=host),
        host: RegistrySettings(host, ca_pem=secure.ca_pem),
    }
    with open_registry(mirrored, environ={}, limits=SHORT) as opened:
        assert isinstance(opened.resolve(Reference.parse("r.acme.example/acme/api:1")), Resolved)


def test_the_systems_authorities_do_not_know_ours(secure: OciRegistry, folder: Path) -> None:
    certificate, key = secure.client_pair()
    (folder / "client.pem").write_bytes(certificate + key)
    pair = str(folder / "client.pem")
    own = {secure.host: RegistrySettings(secure.host, client_certificate=pair, client_key=pair)}
    with open_registry(own, environ={}, limits=SHORT) as opened:
        found = opened.resolve(Reference.parse(secure.reference("acme/api", "1")))
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.TLS
    assert "not trusted" in found.detail


def test_client_certificates(folder: Path) -> None:
    with OciRegistry(tls=True, ask_client=True) as registry:
        put_legacy(registry, "acme/api")
        certificate, key = registry.client_pair()
        (folder / "client.pem").write_bytes(certificate)
        (folder / "client.key").write_bytes(key)
        own = RegistrySettings(registry.host, ca_pem=registry.ca_pem)
        with open_registry({registry.host: own}, environ={}, limits=SHORT) as opened:
            assert isinstance(opened.resolve(Reference.parse(registry.reference("acme/api", "1"))), Fault)
        own = replace(own, client_certificate=str(folder / "client.pem"), client_key=str(folder / "client.key"))
        with open_registry({registry.host: own}, environ={}, limits=SHORT) as opened:
            assert isinstance(opened.resolve(Reference.parse(registry.reference("acme/api", "1"))), Resolved)


def test_plain_http_is_not_tried_where_tls_fails() -> None:
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        with OciRegistry(tls=True) as other:
            own = {registry.host: RegistrySettings(registry.host, ca_pem=other.ca_pem)}
        with open_registry(own, environ={}, limits=SHORT) as opened:
            assert isinstance(opened.resolve(Reference.parse(registry.reference("acme/api", "1"))), Fault)
        assert registry.requests == []


# ── elsewhere ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_mirror_is_asked_instead() -> None:
    with OciRegistry() as mirror:
        put_legacy(mirror, "ghcr/acme/api")
        settings = {"ghcr.io": RegistrySettings("ghcr.io", mirror=f"{mirror.host}/ghcr")}
        with client(mirror, settings=settings) as opened:
            asked = ask(opened, mirror, "ghcr.io/acme/api:1")
        assert asked.found == ["SimpleSigning"]
        assert all("/v2/ghcr/acme/api/" in request for request in asked.requests)


def test_signatures_in_another_repository() -> None:
    with OciRegistry() as registry, OciRegistry() as signatures:
        digest = registry.put_image("acme/api", "1")
        signatures.put_sig("all/signatures", digest, [(b"payload", {})])
        settings = {registry.host: RegistrySettings(registry.host, signatures=f"{signatures.host}/all/signatures")}
        with client(registry, settings=settings) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]
            gone = "sha256:" + "0" * 64
            signatures.put_sig("all/signatures", gone, [(b"payload", {})])
            found = ask(opened, registry, registry.reference("acme/api", digest=gone))
            assert not isinstance(found.resolution, Resolved)


def test_through_a_proxy() -> None:
    """A plain proxy gets the absolute URL; our own registry stands in for one and for the registry behind it."""
    with OciRegistry() as proxy:
        put_legacy(proxy, "acme/api")
        settings = {"r.acme.example": RegistrySettings("r.acme.example", plain_http=True)}
        variables = {"HTTP_PROXY": proxy.url}
        with client(proxy, settings=settings, environ=variables) as opened:
            asked = ask(opened, proxy, "r.acme.example/acme/api:1")
            assert asked.found == ["SimpleSigning"]
            assert asked.requests[0] == "HEAD http://r.acme.example/v2/acme/api/manifests/1"
            proxy.faults.on("/blobs/", Status(200, body=b"x" * 9_000_000))
            assert ask(opened, proxy, "r.acme.example/acme/api:1").kinds == {"too-large"}


@pytest.mark.parametrize(
    ("left", "said"), [("7;w=21600", True), ("90;w=21600", False), ("many", False), ("", False), ("9" * 50, False)]
)
def test_an_allowance_that_is_nearly_used_up_is_said(left: str, said: bool) -> None:
    with OciRegistry() as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        registry.faults.on("/manifests/", Headers({"ratelimit-remaining": left}))
        ask(opened, registry, registry.reference("acme/api", "1"))
        assert opened.notes() == ((f"{registry.host} will answer only 7 more requests for now",) if said else ())


def test_a_repository_that_is_served_elsewhere() -> None:
    """As registry.k8s.io does: every request is redirected, pages of referrers among them."""
    with OciRegistry(quirks=Quirks(referrers_page=1)) as behind, OciRegistry() as front:
        digest = put_bundled(behind, "acme/api")
        behind.put_bundle("acme/api", str(digest), b"second")
        front.faults.on("/v2/", Redirect(f"{behind.url}{{path}}"))
        settings = {behind.host: RegistrySettings(behind.host)}
        with client(front, settings=settings) as opened:
            asked = ask(opened, front, front.reference("acme/api", "1"))
        assert asked.found == ["BundleBytes", "BundleBytes"]


class Tunnel(socketserver.StreamRequestHandler):
    """A proxy that tunnels every CONNECT to one port on loopback, and notes what it was asked for."""

    asked: ClassVar[list[str]] = []
    port: ClassVar[int] = 0

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        self.asked.append(line.strip())
        with socket.create_connection(("127.0.0.1", self.port)) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(there, self.connection))
            back.start()
            _pump(self.connection, there)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("known", [True, False])
def test_tls_through_a_proxy(known: bool) -> None:
    with OciRegistry(tls=True, names=("r.acme.example",)) as registry:
        put_bundled(registry, "acme/api")
        Tunnel.asked, Tunnel.port = [], int(registry.host.partition(":")[2])
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as proxy:
            thread = threading.Thread(target=proxy.serve_forever)
            thread.start()
            own = {"r.acme.example": RegistrySettings("r.acme.example", ca_pem=registry.ca_pem)} if known else {}
            variables = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.server_address[1]}"}
            with open_registry(own, environ=variables, limits=SHORT) as opened:
                asked = ask(opened, registry, "r.acme.example/acme/api:1")
            proxy.shutdown()
            thread.join()
    assert set(Tunnel.asked) == {"CONNECT r.acme.example:443 HTTP/1.1"}
    assert asked.found == (["BundleBytes"] if known else [])
    assert asked.kinds == (set() if known else {"tls"})


def test_a_proxy_that_is_not_there() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        variables = {"HTTPS_PROXY": f"http://127.0.0.1:{sock.getsockname()[1]}"}
        with open_registry({}, environ=variables, limits=SHORT) as opened:
            found = opened.resolve(Reference.parse("r.acme.example/acme/api:1"))
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.REFUSED
    assert "proxy" in found.detail
