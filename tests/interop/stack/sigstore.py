"""The real Fulcio, Rekor v2 and timestamp server, with the keys of a `fixtures.sigstore.Sigstore`.

So the trusted root of the fixture is that of the servers, and what they issue can be compared with what the fixture makes.
Rekor v2 takes the checkpoint's origin from its host name; clients look for it under the host of the trusted root's `baseUrl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec import Struct

from fixtures.sigstore import Claimant, Sigstore
from fixtures.sigstore.keys import PrivateKey, pem
from tests.interop.stack import ct
from tests.interop.stack.issuer import Issuer
from tests.interop.stack.programs import Programs, free_port, server, tool
from tests.interop.stack.web import serve

SERVERS: Final = ("fulcio", "rekor-server-posix", "timestamp-server")
_PEM: Final = serialization.Encoding.PEM
_PASSWORD: Final = "throw-away"

_EXTENSIONS: Final = {
    "github-workflow-trigger": "event_name",
    "github-workflow-sha": "sha",
    "github-workflow-name": "workflow",
    "github-workflow-repository": "repository",
    "github-workflow-ref": "ref",
    "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
    "build-signer-digest": "job_workflow_sha",
    "runner-environment": "runner_environment",
    "source-repository-uri": "{{ .url }}/{{ .repository }}",
    "source-repository-digest": "sha",
    "source-repository-ref": "ref",
    "source-repository-identifier": "repository_id",
    "source-repository-owner-uri": "{{ .url }}/{{ .repository_owner }}",
    "source-repository-owner-identifier": "repository_owner_id",
    "build-config-uri": "{{ .url }}/{{ .workflow_ref }}",
    "build-config-digest": "workflow_sha",
    "build-trigger": "event_name",
    "run-invocation-uri": "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
    "source-repository-visibility-at-signing": "repository_visibility",
}
"""Extension of the certificate → claim of the token, as in the configuration of the public Fulcio."""


class RealSigstore(Struct, frozen=True):
    """Where the servers are, and the files that clients want."""

    stack: Sigstore
    issuer: Issuer
    folder: Path
    fulcio: str
    rekor: str
    tsa: str

    @property
    def trusted_root(self) -> str:
        """Path of trusted_root.json."""
        return str(self.folder / "trusted_root.json")

    @property
    def signing_config(self) -> str:
        """Path of the signing config with log and timestamps."""
        return str(self.folder / "signing_config.json")

    @property
    def unlogged_config(self) -> str:
        """Path of the signing config with timestamps only."""
        return str(self.folder / "unlogged_config.json")

    def token(self, claimant: Claimant) -> tuple[str, ...]:
        """Cosign's arguments that say who signs."""
        return ("--yes", "--identity-token", self.issuer.token(claimant))

    def write_files(self) -> None:
        """Write what clients want."""
        files = self.stack.pem_files()
        (self.folder / "ct.pub").write_bytes(files["ctlog"])
        (self.folder / "fulcio.pem").write_bytes(files["fulcio"])
        Path(self.trusted_root).write_text(json.dumps(self.stack.trusted_root()))
        Path(self.signing_config).write_text(json.dumps(self._config(logged=True)))
        Path(self.unlogged_config).write_text(json.dumps(self._config(logged=False)))

    def _config(self, *, logged: bool) -> dict[str, Any]:
        def service(url: str, version: int) -> list[dict[str, Any]]:
            since = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            valid = {"start": since}
            return [{"url": url, "majorApiVersion": version, "validFor": valid, "operator": "acme.example"}]

        config = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(self.fulcio, 1),
            "oidcUrls": service(self.issuer.url, 1),
            "tsaUrls": service(self.tsa, 1),
            "tsaConfig": {"selector": "ANY"},
        }
        return config | (
            {"rekorTlogUrls": service(self.rekor, 2), "rekorTlogConfig": {"selector": "ANY"}} if logged else {}
        )


@contextmanager
def real_sigstore(folder: Path, issuer: Issuer, *, ca_file: Path | None = None) -> Iterator[RealSigstore]:
    """All servers but the issuer's, until the end. `ca_file`: what vouches for the issuer's own TLS."""
    stack = Sigstore()
    with ExitStack() as running:
        log = running.enter_context(serve(ct.routes(stack.ct)))
        environ = {"SSL_CERT_FILE": str(ca_file)} if ca_file else {}
        made = RealSigstore(
            stack,
            issuer,
            folder,
            fulcio=running.enter_context(_fulcio(folder, stack, issuer, log, environ)),
            rekor=running.enter_context(_rekor(folder, stack)),
            tsa=running.enter_context(_timestamps(folder, stack)),
        )
        made.write_files()
        yield made


@contextmanager
def _fulcio(folder: Path, stack: Sigstore, issuer: Issuer, log: int, environ: dict[str, str]) -> Iterator[str]:
    (folder / "fulcio-key.pem").write_bytes(_key(stack.fulcio.key, _PASSWORD.encode()))
    (folder / "fulcio-chain.pem").write_bytes(_chain(stack.fulcio.chain))
    (folder / "ct.pub").write_bytes(pem(stack.ct.key.public_key()))
    (folder / "fulcio.yaml").write_text(_fulcio_config(issuer))
    port = free_port()
    options = {
        "host": "127.0.0.1",
        "port": port,
        "grpc-host": "127.0.0.1",
        "grpc-port": free_port(),
        "metrics-port": free_port(),
        "ca": "fileca",
        "fileca-cert": folder / "fulcio-chain.pem",
        "fileca-key": folder / "fulcio-key.pem",
        "fileca-key-passwd": _PASSWORD,
        "fileca-watch": "false",
        "config-path": folder / "fulcio.yaml",
        "log_type": "prod",
        "legacy-unix-domain-socket": f"@fulcio-{port}",
        "ct-log-url": f"http://127.0.0.1:{log}",
        "ct-log-public-key-path": folder / "ct.pub",
    }
    with server(folder / "fulcio.log", tool("fulcio"), "serve", *_flags(options), port=port, environ=environ):
        yield f"http://127.0.0.1:{port}"


def _fulcio_config(issuer: Issuer) -> str:
    """Fulcio reads its configuration as JSON first, and JSON has other keys: the comment makes it no JSON."""
    issuers = {
        issuer.url: {"issuer-url": issuer.url, "client-id": "sigstore", "type": "ci-provider", "ci-provider": "github"}
    }
    metadata = {
        "github": {
            "default-template-values": {"url": "https://github.com"},
            "extension-templates": _EXTENSIONS,
            "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
        }
    }
    return "# yaml\n" + json.dumps({"oidc-issuers": issuers, "ci-issuer-metadata": metadata})


@contextmanager
def _rekor(folder: Path, stack: Sigstore) -> Iterator[str]:
    (folder / "rekor-key.pem").write_bytes(_key(stack.rekor2.key))
    port = free_port()
    options = {
        "hostname": stack.rekor2.host,
        "storage-dir": folder / "rekor",
        "signer-filepath": folder / "rekor-key.pem",
        "http-address": "127.0.0.1",
        "http-port": port,
        "grpc-address": "127.0.0.1",
        "grpc-port": free_port(),
        "http-metrics-port": free_port(),
        "checkpoint-interval": "200ms",
        "batch-max-age": "50ms",
    }
    with server(folder / "rekor.log", tool("rekor-server-posix"), "serve", *_flags(options), port=port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _timestamps(folder: Path, stack: Sigstore) -> Iterator[str]:
    (folder / "tsa-key.pem").write_bytes(_key(stack.tsa.key))
    (folder / "tsa-chain.pem").write_bytes(_chain(stack.tsa.chain))
    port = free_port()
    options = {
        "host": "127.0.0.1",
        "port": port,
        "timestamp-signer": "file",
        "file-signer-key-path": folder / "tsa-key.pem",
        "certificate-chain-path": folder / "tsa-chain.pem",
    }
    command = (tool("timestamp-server"), "serve", *_flags(options), "--disable-ntp-monitoring")
    with server(folder / "tsa.log", *command, port=port):
        yield f"http://127.0.0.1:{port}/api/v1/timestamp"


def _flags(options: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _key(key: PrivateKey, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption)


def _chain(certificates: tuple[x509.Certificate, ...]) -> bytes:
    return b"".join(certificate.public_bytes(_PEM) for certificate in certificates)


class Signer(Struct, frozen=True):
    """Signs images with the real cosign 3 and 2, as somebody."""

    real: RealSigstore
    programs: Programs

    def bundle(self, reference: str, claimant: Claimant, *more: str, logged: bool = True) -> None:
        """Cosign 3, a bundle."""
        config = self.real.signing_config if logged else self.real.unlogged_config
        trust = ("--signing-config", config, "--trusted-root", self.real.trusted_root)
        self.programs.must(tool("cosign"), "sign", *trust, *self.real.token(claimant), *more, reference)

    def attestation(self, reference: str, claimant: Claimant, kind: str, predicate: str) -> None:
        """Cosign 3, an attestation in a bundle."""
        trust = ("--signing-config", self.real.signing_config, "--trusted-root", self.real.trusted_root)
        what = ("--type", kind, "--predicate", predicate)
        self.programs.must(tool("cosign"), "attest", *trust, *what, *self.real.token(claimant), reference)

    def legacy(self, reference: str, claimant: Claimant, *, stamped: bool = True) -> None:
        """Cosign 2, the tag `.sig`, without a log."""
        self.programs.must(tool("cosign2"), "sign", *self._old(claimant, stamped), reference, **self._old_trust)

    def legacy_attestation(self, reference: str, claimant: Claimant, kind: str, predicate: str) -> None:
        """Cosign 2, the tag `.att`, without a log."""
        what = ("--type", kind, "--predicate", predicate)
        self.programs.must(
            tool("cosign2"), "attest", *what, *self._old(claimant, stamped=True), reference, **self._old_trust
        )

    def classic(self, reference: str, claimant: Claimant) -> None:
        """Cosign 3 in the old format."""
        old = ("--use-signing-config=false", "--new-bundle-format=false", *self._old(claimant, stamped=True))
        self.programs.must(tool("cosign"), "sign", *old, reference, **self._old_trust)

    def _old(self, claimant: Claimant, stamped: bool) -> tuple[str, ...]:
        stamp = ("--timestamp-server-url", self.real.tsa) if stamped else ()
        return ("--fulcio-url", self.real.fulcio, "--tlog-upload=false", *stamp, *self.real.token(claimant))

    @property
    def _old_trust(self) -> dict[str, str]:
        folder = self.real.folder
        return {
            "SIGSTORE_ROOT_FILE": str(folder / "fulcio.pem"),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(folder / "ct.pub"),
        }
