"""The real Rekor v1: a server on Trillian on PostgreSQL, with the key of the fixture's."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization

from fixtures.sigstore import Sigstore
from tests.interop.stack.programs import TOOLS, free_port, server, tool

PROGRAMS: Final = ("rekor-server", "trillian_log_server", "trillian_log_signer")
SCHEMA: Final = TOOLS / "trillian.sql"
_ENDPOINTS: Final = (
    "getLogInfo",
    "getLogProof",
    "createLogEntry",
    "getLogEntryByIndex",
    "getLogEntryByUUID",
    "searchLogQuery",
)
"""Everything but `searchIndex`, which wants Redis."""
_DATABASE: Final = ("initdb", "postgres", "pg_isready", "psql")
_START_SECONDS: Final = 90.0


def postgresql() -> Path | None:
    """The folder with PostgreSQL's programs; Debian keeps them off PATH. None where there is none."""
    found = shutil.which("postgres")
    on_path = [Path(found).resolve().parent] if found else []
    folders = [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return next((each for each in folders if all((each / name).exists() for name in _DATABASE)), None)


@contextmanager
def rekor1(folder: Path, stack: Sigstore) -> Iterator[str]:
    """The log, until the end; gives its address."""
    key = folder / "rekor1-key.pem"
    key.write_bytes(
        stack.rekor.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    with ExitStack() as running:
        uri = running.enter_context(_database(folder / "postgresql"))
        trillian = running.enter_context(_trillian(folder, "trillian_log_server", uri))
        running.enter_context(
            _trillian(folder, "trillian_log_signer", uri, "--force_master", "--sequencer_interval=50ms")
        )
        port = free_port()
        options = {
            "port": port,
            "host": "127.0.0.1",
            "rekor_server.hostname": stack.rekor.host,
            "rekor_server.signer": key,
            "trillian_log_server.address": "127.0.0.1",
            "trillian_log_server.port": trillian,
            "enabled_api_endpoints": ",".join(_ENDPOINTS),
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        running.enter_context(server(folder / "rekor1.log", tool("rekor-server"), "serve", *flags, port=port))
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _trillian(folder: Path, program: str, uri: str, *more: str) -> Iterator[int]:
    port = free_port()
    options = {
        "storage_system": "postgresql",
        "quota_system": "noop",
        "postgresql_uri": uri,
        "rpc_endpoint": f"127.0.0.1:{port}",
        "http_endpoint": f"127.0.0.1:{free_port()}",
    }
    flags = [f"--{name}={value}" for name, value in options.items()]
    with server(folder / f"{program}.log", tool(program), *flags, *more, port=port):
        yield port


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    """PostgreSQL on a socket in `folder`, with Trillian's tables; gives its address."""
    programs = postgresql()
    if programs is None:
        raise FileNotFoundError("no PostgreSQL on this machine")
    folder.mkdir()
    as_owner = _owner(folder)
    data = folder / "data"
    _must(*as_owner, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres")
    command: list[str | Path] = [*as_owner, programs / "postgres", "-D", data, "-k", folder, "-h", "", "-F"]
    with (folder.parent / "postgresql.log").open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd="/")
        try:
            _wait([str(programs / "pg_isready"), "-q", "-h", str(folder), "-U", "postgres"])
            psql = (programs / "psql", "-q", "-h", folder, "-U", "postgres", "-v", "ON_ERROR_STOP=1")
            _must(*psql, "-f", SCHEMA)
            yield f"postgresql:///postgres?host={folder}&user=postgres"
        finally:
            process.terminate()
            process.wait(10)


def _must(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _owner(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: its own user owns the folder then."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "postgres", "postgres")
    folder.parent.chmod(0o711)  # a temporary folder of ours: its user must get through
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _wait(ready: list[str]) -> None:
    """The socket exists before the server answers."""
    end = time.monotonic() + _START_SECONDS
    while subprocess.run(ready, check=False).returncode != 0:
        if time.monotonic() > end:
            raise RuntimeError("PostgreSQL does not answer")
        time.sleep(0.1)
