"""What the real cosign signs with real servers, and what it and the auditor say of it: JSON on stdout.

    python -m tests.interop.real_signers

Nothing may reach the public servers that cosign asks when left to itself (`tests/interop/stack/home.py`); that is seen to here and not
by `tests.offline`, so that it holds for everything that is started here.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from fixtures.registry import OciRegistry
from fixtures.sigstore import Claimant, github
from tests.interop.stack.home import private_sigstore
from tests.interop.stack.programs import Programs, tool
from tests.interop.stack.sigstore import RealSigstore, Signer

BUNDLE: Final = "application/vnd.dev.sigstore.bundle"
SLSA: Final = ("slsaprovenance1", "predicate.json")
NO_LOG: Final = ("--insecure-ignore-tlog", "--use-signed-timestamps")


def main() -> None:
    """Sign, ask everybody, print."""
    with private_sigstore() as (folder, real), OciRegistry() as registry:
        scene = Scene(real, registry, Programs(folder))
        images = dict(scene.images())
        told = {"verdicts": scene.verdicts(images), "cosign": scene.cosign(images), "claims": scene.claims(images)}
        told["file"] = scene.file()
        told["key"] = scene.key(images["key"])
    sys.stdout.write(json.dumps(told))


class Scene(Struct, frozen=True):
    """The images, who signs them, and who judges them."""

    real: RealSigstore
    registry: OciRegistry
    programs: Programs

    # ── what is signed ───────────────────────────────────────────────────────────────────────────────────────────────

    def who(self, repository: str = "acme/shop", event: str = "push") -> Claimant:
        """A job of GitHub Actions, but for the issuer's address."""
        return github(repository, event=event, issuer=self.real.issuer.url)

    def images(self) -> Iterator[tuple[str, str]]:
        """Every case: its name, and the reference of its image. The first is the first entry of a fresh log."""
        signer, shop, other = Signer(self.real, self.programs), self.who(), self.who("acme/other")
        predicate = self.real.folder / SLSA[1]
        predicate.write_text(json.dumps({"buildDefinition": {}, "runDetails": {}}))
        slsa = (SLSA[0], str(predicate))
        yield "first", self._signed("first", lambda image: signer.bundle(image, shop))
        yield "bundle", self._signed("bundle", lambda image: signer.bundle(image, shop))
        yield "wrong", self._signed("wrong", lambda image: signer.bundle(image, other))
        yield (
            "pull-request",
            self._signed("pull-request", lambda image: signer.bundle(image, self.who(event="pull_request"))),
        )
        yield "stamped-bundle", self._signed("stamped-bundle", lambda image: signer.bundle(image, shop, logged=False))
        yield "attested", self._signed("attested", lambda image: signer.attestation(image, shop, *slsa))
        yield "legacy", self._signed("legacy", lambda image: signer.legacy(image, shop))
        yield "classic", self._signed("classic", lambda image: signer.classic(image, shop))
        yield "legacy-wrong", self._signed("legacy-wrong", lambda image: signer.legacy(image, other))
        yield "legacy-att", self._signed("legacy-att", lambda image: signer.legacy_attestation(image, shop, *slsa))
        yield "young", self._signed("young", lambda image: signer.legacy(image, shop, stamped=False))
        both = self._signed("both", lambda image: signer.legacy(image, shop))
        signer.bundle(both, shop)
        yield "both", both
        mixed = self._signed("mixed", lambda image: signer.legacy(image, shop))
        signer.bundle(mixed, other)
        yield "mixed", mixed
        yield "key", self._signed("key", self._sign_with_key)
        yield "unsigned", self._signed("unsigned", lambda _: None)
        yield from self._indexes(signer, shop)
        yield from self._spoiled()

    def _signed(self, name: str, sign: Any) -> str:
        image = self.registry.reference(f"acme/{name}", digest=self.registry.put_image(f"acme/{name}", "1"))
        sign(image)
        return image

    def _sign_with_key(self, image: str) -> None:
        prefix = str(self.real.folder / "release")
        self.programs.must(tool("cosign"), "generate-key-pair", "--output-key-prefix", prefix)
        trust = ("--signing-config", self.real.signing_config, "--trusted-root", self.real.trusted_root)
        self.programs.must(tool("cosign"), "sign", "--yes", "--key", f"{prefix}.key", *trust, image)

    def _indexes(self, signer: Signer, shop: Claimant) -> Iterator[tuple[str, str]]:
        digest, children = self.registry.put_index("acme/recursive", "1")
        image = self.registry.reference("acme/recursive", digest=digest)
        signer.bundle(image, shop, "--recursive")
        yield "recursive", image
        yield "recursive-child", self.registry.reference("acme/recursive", digest=children["linux/arm64"])
        digest, children = self.registry.put_index("acme/child-only", "1")
        signer.bundle(self.registry.reference("acme/child-only", digest=children["linux/amd64"]), shop)
        yield "child-only", self.registry.reference("acme/child-only", digest=digest)

    def _spoiled(self) -> Iterator[tuple[str, str]]:
        """The good bundle with one bit of its signature turned, and the good bundle beside another image."""
        content = self._bundle("acme/bundle")
        document = json.loads(content)
        (signature,) = document["dsseEnvelope"]["signatures"]
        raw = bytearray(base64.b64decode(signature["sig"]))
        raw[-1] ^= 1
        signature["sig"] = base64.b64encode(raw).decode()
        tampered = self.registry.put_image("acme/tampered", "1", seed="acme/bundle:1")
        self._put("acme/tampered", tampered, json.dumps(document).encode())
        yield "tampered", self.registry.reference("acme/tampered", digest=tampered)
        moved = self.registry.put_image("acme/moved", "1")
        self._put("acme/moved", moved, content)
        yield "moved", self.registry.reference("acme/moved", digest=moved)

    def _put(self, name: str, digest: str, content: bytes) -> None:
        self.registry.put_bundle(name, digest, content, artifact_type=f"{BUNDLE}.v0.3+json")

    def _bundle(self, name: str) -> bytes:
        """The bundle that cosign pushed."""
        repository = self.registry.store.open(name)
        manifests = (json.loads(each.content) for each in repository.manifests.values())
        layers = (layer for manifest in manifests for layer in manifest.get("layers", ()))
        digest = next(layer["digest"] for layer in layers if layer["mediaType"].startswith(BUNDLE))
        content: bytes = repository.blobs[digest]
        return content

    # ── who judges ───────────────────────────────────────────────────────────────────────────────────────────────────

    def verdicts(self, images: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """The auditor's verdicts: as the right identity, as the other one, and under a root that knows no log."""
        unlogged = self.real.folder / "unlogged_root.json"
        unlogged.write_text(json.dumps(self.real.stack.trusted_root(tlogs=False)))
        return {
            "shop": self._audit(images, self.who(), self.real.trusted_root),
            "other": self._audit(images, self.who("acme/other"), self.real.trusted_root),
            "unlogged": self._audit(images, self.who(), str(unlogged)),
        }

    def claims(self, images: Mapping[str, str]) -> dict[str, Any]:
        """What a real certificate says of its owner, and what the fixture's would."""
        (image,) = self._report({"bundle": images["bundle"]}, self.who(), self.real.trusted_root)["images"]
        made = self.who().claims
        return {"real": image["signatures"][0]["identity"]["claims"], "fixture": {str(arc): made[arc] for arc in made}}

    def key(self, image: str) -> dict[str, Any]:
        """The image that a long-lived key signed, where the rules name the key, and where they name another one."""
        folder = self.real.folder
        self.programs.must(tool("cosign"), "generate-key-pair", "--output-key-prefix", str(folder / "other"))

        def ask(key: str) -> tuple[str, int]:
            document = {
                "version": 1,
                "signers": {"release": {"key": key}},
                "images": [{"match": f"{self.registry.host}/acme/*", "signed-by": "release"}],
                "trust": [{"name": "private", "file": "trusted_root.json"}],
            }
            rules = folder / "rules.yaml"
            rules.write_text(json.dumps(document))
            check = ("check", "-f", "json", "--config", str(rules), "--image", image)
            report = json.loads(self.programs.run(sys.executable, "-m", "auditor", *check).out)
            verify = ("verify", "--offline", "--key", str(folder / key), "--trusted-root", self.real.trusted_root)
            return report["images"][0]["verdict"], self.programs.run(tool("cosign"), *verify, image).status

        return {"named": ask("release.pub"), "another": ask("other.pub")}

    def file(self) -> dict[str, tuple[int, int]]:
        """A file that cosign signed: exit statuses of the auditor and of cosign for it, another identity, another file."""
        file, other, bundle = (
            self.real.folder / name for name in ("release.tgz", "other.tgz", "release.sigstore.json")
        )
        file.write_bytes(b"a release")
        other.write_bytes(b"another release")
        trust = ("--trusted-root", self.real.trusted_root)
        sign = ("sign-blob", "--signing-config", self.real.signing_config, *trust, "--bundle", str(bundle))
        self.programs.must(tool("cosign"), *sign, *self.real.token(self.who()), str(file))

        def ask(who: Claimant, artifact: Path) -> tuple[int, int]:
            options = ("--bundle", str(bundle), *trust, *_identity(who))
            ours = self.programs.run(sys.executable, "-m", "auditor", "verify", *options, "--artifact", str(artifact))
            theirs = self.programs.run(tool("cosign"), "verify-blob", "--offline", *options, str(artifact))
            return ours.status, theirs.status

        shop, stranger = self.who(), self.who("acme/other")
        return {"right": ask(shop, file), "stranger": ask(stranger, file), "other file": ask(shop, other)}

    def _audit(self, images: Mapping[str, str], who: Claimant, root: str) -> dict[str, str]:
        judged = {image["reference"]: image["verdict"] for image in self._report(images, who, root)["images"]}
        return {name: judged[image] for name, image in images.items()}

    def _report(self, images: Mapping[str, str], who: Claimant, root: str) -> dict[str, Any]:
        done = self.programs.run(
            *(sys.executable, "-m", "auditor", "verify", "-f", "json", *_identity(who), "--trusted-root", root),
            *images.values(),
        )
        if done.status not in {0, 1}:
            raise RuntimeError(done.err)
        report: dict[str, Any] = json.loads(done.out)
        return report

    def cosign(self, images: Mapping[str, str]) -> dict[str, dict[str, tuple[int, str]]]:
        """Exit status and last words of cosign 3 and 2, with and without a log, by column and image."""
        columns = {
            "cosign3": ("cosign", self.who(), ()),
            "cosign3 no log": ("cosign", self.who(), NO_LOG),
            "cosign3 other": ("cosign", self.who("acme/other"), ()),
            "cosign2": ("cosign2", self.who(), ()),
            "cosign2 no log": ("cosign2", self.who(), NO_LOG),
        }
        asked = [(column, name) for column in columns for name in images]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda each: self._ask(*columns[each[0]], images[each[1]]), asked))
        told: dict[str, dict[str, tuple[int, str]]] = {column: {} for column in columns}
        for (column, name), answer in zip(asked, answers, strict=True):
            told[column][name] = answer
        return told

    def _ask(self, program: str, who: Claimant, more: tuple[str, ...], image: str) -> tuple[int, str]:
        trust = ("--trusted-root", self.real.trusted_root)
        # Offline: without it, cosign asks the public log about every signature that brings no entry, four times.
        done = self.programs.run(tool(program), "verify", "--offline", *trust, *_identity(who), *more, image)
        return done.status, done.last


def _identity(who: Claimant) -> tuple[str, ...]:
    return ("--certificate-identity", who.subject, "--certificate-oidc-issuer", who.issuer)


if __name__ == "__main__":
    main()
