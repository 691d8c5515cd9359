"""TLS, mirrors, other repositories, proxies: the ways to a registry, over real sockets."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from auditor.config.rules import RegistrySettings
from auditor.model.evidence import Fault, FaultKind, Resolved
from auditor.model.reference import Reference
from auditor.registry.client import open_registry
from fixtures.registry import Headers, OciRegistry, Quirks, Redirect, Status
from tests.registry.asking import SHORT, ask, client, put_bundled, put_legacy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


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
