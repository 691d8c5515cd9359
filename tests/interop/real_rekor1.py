"""What the real cosign signs with the real Rekor v1, and what it and the auditor say of it: JSON on stdout.

python -m tests.interop.real_rekor1
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from fixtures.registry import OciRegistry
from fixtures.sigstore import Claimant
from tests.interop.real_signers import SLSA, Scene
from tests.interop.stack.home import private_sigstore
from tests.interop.stack.programs import Programs, tool
from tests.interop.stack.rekor1 import rekor1


def main() -> None:
    """Sign, ask everybody, print."""
    with private_sigstore() as (folder, real), rekor1(folder, real.stack) as log, OciRegistry() as registry:
        scene = OldLog(real, registry, Programs(folder), log)
        images = dict(scene.images())
        told = {"verdicts": scene.verdicts(images), "cosign": scene.cosign(images)}
    sys.stdout.write(json.dumps(told))


class OldLog(Scene, frozen=True):
    """The same scene with the older log, which gives every entry a time."""

    log: str

    def images(self) -> Iterator[tuple[str, str]]:
        """Every case: its name, and the reference of its image. The first is the first entry of a fresh log."""
        shop, other = self.who(), self.who("acme/other")
        predicate = self.real.folder / SLSA[1]
        predicate.write_text(json.dumps({"buildDefinition": {}, "runDetails": {}}))
        slsa = ("--type", SLSA[0], "--predicate", str(predicate))
        self._write_config()
        yield "first", self._signed("first", lambda image: self._new("sign", image, shop))
        yield "bundle", self._signed("bundle", lambda image: self._new("sign", image, shop))
        yield "attested", self._signed("attested", lambda image: self._new("attest", image, shop, *slsa))
        yield "legacy", self._signed("legacy", lambda image: self._old("cosign2", "sign", image, shop))
        yield "legacy-wrong", self._signed("legacy-wrong", lambda image: self._old("cosign2", "sign", image, other))
        yield "legacy-att", self._signed("legacy-att", lambda image: self._old("cosign2", "attest", image, shop, *slsa))
        yield "classic", self._signed("classic", lambda image: self._old("cosign", "sign", image, shop))
        yield from self._spoiled()

    def _write_config(self) -> None:
        config = json.loads(Path(self.real.signing_config).read_text())
        (service,) = config["rekorTlogUrls"]
        service |= {"url": self.log, "majorApiVersion": 1}
        (self.real.folder / "rekor1.json").write_text(json.dumps(config))
        (self.real.folder / "rekor1.pub").write_bytes(self.real.stack.pem_files()["rekor"])

    def _new(self, verb: str, image: str, who: Claimant, *more: str) -> None:
        """Cosign 3, a bundle."""
        trust = ("--signing-config", str(self.real.folder / "rekor1.json"), "--trusted-root", self.real.trusted_root)
        self.programs.must(tool("cosign"), verb, *trust, *more, *self.real.token(who), image)

    def _old(self, program: str, verb: str, image: str, who: Claimant, *more: str) -> None:
        """Cosign 2, or 3 in its format: the tags `.sig` and `.att` with a signed entry timestamp."""
        old = ("--use-signing-config=false", "--new-bundle-format=false") if program == "cosign" else ()
        where = ("--fulcio-url", self.real.fulcio, "--rekor-url", self.log)
        folder = self.real.folder
        self.programs.must(
            *(tool(program), verb, *old, *where, *more, *self.real.token(who), image),
            SIGSTORE_ROOT_FILE=str(folder / "fulcio.pem"),
            SIGSTORE_CT_LOG_PUBLIC_KEY_FILE=str(folder / "ct.pub"),
            SIGSTORE_REKOR_PUBLIC_KEY=str(folder / "rekor1.pub"),
        )


if __name__ == "__main__":
    main()
