"""The registries that people run, on loopback: open, behind a password file, or behind a token endpoint."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec import Struct

from tests.interop.stack import jwt
from tests.interop.stack.programs import free_port, missing, server, tool
from tests.interop.stack.web import Request, serve

USER: Final = "robot"
PASSWORD: Final = "throw-away"
_HTPASSWD: Final = f"{USER}:$2b$05$abcdefghijklmnopqrstuuDqAIe/FJ3zWZiy7x7Q9peiJ4x6jGQGO\n"
"""The password above in bcrypt, the only form that distribution reads."""
_SERVICE: Final = "registry.acme.example"
_ISSUER: Final = "tokens.acme.example"


class Kind(Struct, frozen=True):
    """One registry program, and who may do what: `open`, `password` for everything, `token` for pushing."""

    program: str
    access: str = "open"
    referrers: bool = False

    def __str__(self) -> str:
        return f"{self.program}, {self.access}" + (", referrers" if self.referrers else "")


_EVERY: Final = (
    Kind("ggcr-registry", referrers=True),
    Kind("ggcr-registry"),
    Kind("crane"),
    *(
        Kind(program, access)
        for program in ("distribution", "docker-registry")
        for access in ("open", "password", "token")
    ),
)
# Debian's registry is no Go module that could be built: elsewhere there is none.
KINDS: Final = tuple(kind for kind in _EVERY if kind.program != "docker-registry" or not missing(kind.program))


class Running(Struct, frozen=True):
    """Host and port of a registry, and of the token endpoint that it names, if any."""

    host: str
    realm: str | None


@contextmanager
def run(kind: Kind, folder: Path) -> Iterator[Running]:
    """The registry, until the end."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    realm = None
    with ExitStack() as stack:
        match kind.program:
            case "ggcr-registry":
                command = [tool("ggcr-registry"), "-address", host, f"-referrers={str(kind.referrers).lower()}"]
            case "crane":
                command = [tool("crane"), "registry", "serve", "--address", host]
            case _:
                access = stack.enter_context(_access(kind, folder))
                realm = urlsplit(access["token"]["realm"]).netloc if "token" in access else None
                command = [tool(kind.program), "serve", str(_configuration(folder, host, access))]
        stack.enter_context(
            server(folder / "registry.log", *command, port=port, environ={"OTEL_TRACES_EXPORTER": "none"})
        )
        yield Running(host, realm)


def _configuration(folder: Path, host: str, access: Mapping[str, Any]) -> Path:
    document = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"inmemory": {}, "delete": {"enabled": True}},
        "http": {"addr": host, "secret": secrets.token_hex(8)},
    }
    path = folder / "registry.yml"
    path.write_text(json.dumps(document | ({"auth": dict(access)} if access else {})))  # JSON is YAML
    return path


@contextmanager
def _access(kind: Kind, folder: Path) -> Iterator[Mapping[str, Any]]:
    """The section `auth` of the configuration, and the token endpoint where there is one."""
    match kind.access:
        case "password":
            path = folder / "htpasswd"
            path.write_text(_HTPASSWD)
            yield {"htpasswd": {"realm": "acme", "path": str(path)}}
        case "token":
            endpoint = TokenEndpoint()
            path = folder / "tokens.pem"
            path.write_bytes(endpoint.certificate.public_bytes(Encoding.PEM))
            with serve({"/token": endpoint.answer}) as port:
                # By name: clients refuse an address of loopback that is not the registry's own.
                realm = f"http://localhost:{port}/token"
                yield {"token": {"realm": realm, "service": _SERVICE, "issuer": _ISSUER, "rootcertbundle": str(path)}}
        case _:
            yield {}


class TokenEndpoint:
    """Gives everybody tokens for pulling, and the user tokens for what is asked (distribution's token specification)."""

    def __init__(self) -> None:
        self._key: Final = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _ISSUER)])
        now = datetime.now(UTC)
        self.certificate: Final = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """A token for the scope asked for; None for a wrong password."""
        said = request.headers.get("authorization")
        right = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if said is not None and said != f"Basic {right}":
            return None
        access = [_granted(scope, everything=said is not None) for scope in request.query.get("scope", "").split()]
        claims = {"iss": _ISSUER, "sub": USER, "aud": _SERVICE, "jti": secrets.token_hex(8), "access": access}
        head = {"x5c": [base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()]}
        return {"token": jwt.token(self._key, head, claims), "expires_in": 300}


def _granted(scope: str, *, everything: bool) -> Mapping[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {
        "type": kind,
        "name": name,
        "actions": [each for each in actions.split(",") if everything or each == "pull"],
    }
