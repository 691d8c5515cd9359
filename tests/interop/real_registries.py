"""What the real cosign writes into real registries, and what it and the auditor find there: JSON on stdout.

python -m tests.interop.real_registries
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

from msgspec import Struct

from fixtures.sigstore import Claimant, github
from tests.interop.stack.home import private_sigstore
from tests.interop.stack.programs import Programs, tool
from tests.interop.stack.registries import KINDS, PASSWORD, USER, Kind, Running, run
from tests.interop.stack.sigstore import RealSigstore, Signer


def main() -> None:
    """Sign in every kind of registry, ask, print."""
    with private_sigstore() as (folder, real):
        told = {str(kind): _visit(kind, real, folder / str(number)) for number, kind in enumerate(KINDS)}
    sys.stdout.write(json.dumps(told))


def _visit(kind: Kind, real: RealSigstore, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    with run(kind, folder) as running:
        return Visit(kind, real, running, Programs(folder)).tell()


class Visit(Struct, frozen=True):
    """One registry: images are pushed by crane and signed by cosign, then judged by name."""

    kind: Kind
    real: RealSigstore
    running: Running
    programs: Programs

    @property
    def who(self) -> Claimant:
        """Who signs."""
        return github("acme/shop", issuer=self.real.issuer.url)

    def tell(self) -> dict[str, Any]:
        """Our verdicts with credentials and without, and cosign's exit status on what it signed."""
        if self.kind.access != "open":
            self.programs.must(tool("crane"), "auth", "login", self.running.host, "-u", USER, "-p", PASSWORD)
        images = {name: self._push(name) for name in ("bundle", "legacy", "attested", "unsigned")}
        signer = Signer(self.real, self.programs)
        signer.bundle(images["bundle"], self.who)
        signer.legacy(images["legacy"], self.who)
        predicate = self.programs.folder / "predicate.json"
        predicate.write_text("{}")
        signer.legacy_attestation(images["attested"], self.who, "custom", str(predicate))
        rules = self._rules()
        stranger = Programs(self.programs.folder / "nobody")
        return {
            "ours": self._audit(self.programs, rules, images),
            "anonymous": self._audit(stranger, rules, images),
            "realm not named": self._audit(self.programs, self._rules(realm=False), images),
            "cosign": {name: self._cosign(image) for name, image in images.items()},
        }

    def _rules(self, *, realm: bool = True) -> Path:
        """A rules file by which the signer must have signed everything in here."""
        named = {self.running.host: {"realm": self.running.realm}} if realm and self.running.realm else {}
        document = {
            "version": 1,
            "signers": {"release": {"issuer": self.who.issuer, "subject": self.who.subject}},
            "images": [{"match": f"{self.running.host}/acme/*", "signed-by": "release"}],
            "trust": [{"name": "private", "file": "trusted_root.json", "issuers": [self.who.issuer]}],
            "registries": named,
        }
        path = self.programs.folder / ("rules.yaml" if realm else "unnamed.yaml")
        path.write_text(json.dumps(document))
        (self.programs.folder / "trusted_root.json").write_bytes(Path(self.real.trusted_root).read_bytes())
        return path

    def _push(self, name: str) -> str:
        """An image of one layer, pushed by tag; its reference by digest."""
        layer = self.programs.folder / f"{name}.tar"
        content = self.programs.folder / f"{name}.bin"
        content.write_bytes(os.urandom(2000))
        with tarfile.open(layer, "w") as archive:
            archive.add(content, "content")
        tag = f"{self.running.host}/acme/{name}:v1"
        self.programs.must(tool("crane"), "append", "--oci-empty-base", "-f", str(layer), "-t", tag)
        return f"{tag}@{self.programs.must(tool('crane'), 'digest', tag)}"

    def _audit(self, programs: Programs, rules: Path, images: dict[str, str]) -> dict[str, str]:
        asked = [word for image in images.values() for word in ("--image", image)]
        done = programs.run(sys.executable, "-m", "auditor", "check", "-f", "json", "--config", str(rules), *asked)
        if done.status not in {0, 1, 3}:
            raise RuntimeError(done.err)
        judged = {image["reference"]: image["verdict"] for image in json.loads(done.out)["images"]}
        return {name: judged[image] for name, image in images.items()}

    def _cosign(self, image: str) -> int:
        identity = ("--certificate-identity", self.who.subject, "--certificate-oidc-issuer", self.who.issuer)
        trust = ("--trusted-root", self.real.trusted_root, "--insecure-ignore-tlog", "--use-signed-timestamps")
        return self.programs.run(tool("cosign"), "verify", *trust, *identity, image.replace(":v1@", "@")).status


if __name__ == "__main__":
    main()
