"""A TUF repository on loopback that serves one trusted_root.json, and can be rotated, let expire, rolled back and spoiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]
from tuf.api.metadata import (  # type: ignore[attr-defined]
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from fixtures.loopback import Loopback, Quiet

TARGET = "trusted_root.json"


class Mirror:
    """The repository: its files by path, as a server would have them. Real time decides what has expired."""

    def __init__(self, target: bytes) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.keys = {role: CryptoSigner.generate_ed25519() for role in ("root", "timestamp", "snapshot", "targets")}
        self._version = 0
        self._root = Root(version=1, expires=_days(365), consistent_snapshot=True)
        for role, signer in self.keys.items():
            self._root.add_key(signer.public_key, role)
        self._publish_root(self.keys["root"])
        self.first_root = self.files["1.root.json"]
        self.publish(target)

    def publish(self, target: bytes, *, expires: datetime | None = None) -> None:
        """A new version of the target and of all metadata but the root."""
        self._version += 1
        version, until = self._version, expires or _days(30)
        file = TargetFile.from_data(TARGET, target, ["sha256"])
        self._write(
            f"{version}.targets.json", Targets(version=version, expires=until, targets={TARGET: file}), "targets"
        )
        meta = {"targets.json": MetaFile(version=version)}
        self._write(f"{version}.snapshot.json", Snapshot(version=version, expires=until, meta=meta), "snapshot")
        stamp = Timestamp(version=version, expires=until, snapshot_meta=MetaFile(version=version))
        self._write("timestamp.json", stamp, "timestamp")
        self.files[f"targets/{file.hashes['sha256']}.{TARGET}"] = target

    def rotate(self) -> None:
        """A new root key, signed by the old one as well."""
        old, new = self.keys["root"], CryptoSigner.generate_ed25519()
        self._root.revoke_key(old.public_key.keyid, "root")
        self._root.add_key(new.public_key, "root")
        self.keys["root"] = new
        self._root.version += 1
        self._publish_root(old, new)

    def _publish_root(self, *signers: CryptoSigner) -> None:
        metadata = Metadata(self._root)
        for signer in signers:
            metadata.sign(signer, append=True)
        self.files[f"{self._root.version}.root.json"] = metadata.to_bytes()

    def _write(self, path: str, signed: Any, role: str) -> None:
        metadata = Metadata(signed)
        metadata.sign(self.keys[role])
        self.files[path] = metadata.to_bytes()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve the files on 127.0.0.1; gives the URL."""
        mirror = self

        class Handler(Quiet):
            def do_GET(self) -> None:
                path = self.path.lstrip("/")
                mirror.asked.append(path)
                content = mirror.files.get(path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

        with Loopback(Handler) as server:
            yield server.url


def _days(days: int) -> datetime:
    return (datetime.now(UTC) + timedelta(days=days)).replace(microsecond=0)
