"""A pull request over `ghcr.io` by name and TLS, signed as GitHub's own issuer by name and TLS: JSON on stdout.

    python -m tests.interop.real_names

Both names are served on loopback, inside a namespace that has nothing else. Who trusts them is told so by files: cosign and
Fulcio by `SSL_CERT_FILE`, the auditor by `ca-file` in its rules.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from fixtures.registry import OciRegistry
from fixtures.registry.tls import authority
from fixtures.sigstore import GITHUB_ISSUER, github
from tests.interop.stack.issuer import Issuer
from tests.interop.stack.names import call_by_name
from tests.interop.stack.programs import Programs, tool
from tests.interop.stack.sigstore import RealSigstore, Signer, real_sigstore
from tests.interop.stack.web import serve
from tests.offline import raise_loopback, refusal

REGISTRY: Final = "ghcr.io"
PROVIDER: Final = GITHUB_ISSUER.removeprefix("https://")

RULES: Final = """\
version: 1
signers:
  release: {github: acme/*, workflow: release.yaml, ref: refs/tags/v*}
images:
  - match: ghcr.io/acme/**
    signed-by: release
registries:
  ghcr.io: {ca-file: certs/ca.pem}
trust:
  - {name: private, file: trust/root.json, issuers: [https://token.actions.githubusercontent.com]}
"""


def main() -> None:
    """Sign, open a pull request, print what the check says of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if why := refusal() or call_by_name({REGISTRY: "127.0.0.1", PROVIDER: "127.0.0.2"}, folder):
            sys.stdout.write(f"SKIPPED: no namespaces on this machine ({why})")
            return
        raise_loopback()
        ca = folder / "ca.pem"
        ca.write_bytes(authority().pem)
        issuer = Issuer(GITHUB_ISSUER)
        context = authority().server_context((PROVIDER,))
        stack.enter_context(serve(issuer.routes, address=("127.0.0.2", 443), tls=context))
        real = stack.enter_context(real_sigstore(folder, issuer, ca_file=ca))
        registry = stack.enter_context(OciRegistry(port=443, tls=True, names=(REGISTRY,)))
        told = Request(real, registry, Programs(folder, {"SSL_CERT_FILE": str(ca)}), folder / "gitops").tell()
    sys.stdout.write(json.dumps(told))


class Request(Struct, frozen=True):
    """A repository whose change deploys one image of each kind."""

    real: RealSigstore
    registry: OciRegistry
    programs: Programs
    repository: Path

    def tell(self) -> dict[str, Any]:
        """Verdicts of the check, its exit status, and cosign's on the same images."""
        images = self._images()
        (self.repository / "certs").mkdir(parents=True)
        (self.repository / "trust").mkdir()
        (self.repository / "auditor.yaml").write_text(RULES)
        (self.repository / "certs/ca.pem").write_bytes(authority().pem)
        (self.repository / "trust/root.json").write_bytes(Path(self.real.trusted_root).read_bytes())
        self._git("init", "--quiet", "--initial-branch=main")
        self._commit("rules")
        for name, image in images.items():
            (self.repository / f"{name}.yaml").write_text(_pod(name, image))
        self._commit("deploy")
        check = ("check", str(self.repository), "--base", "main~1", "--head", "main", "-f", "json")
        done = self.programs.run(sys.executable, "-m", "auditor", *check)
        judged = {image["reference"]: image["verdict"] for image in json.loads(done.out)["images"]}
        return {
            "verdicts": {name: judged[image] for name, image in images.items()},
            "exit": done.status,
            "asked": sorted(
                {request.path.split("/")[2] for request in self.registry.requests if request.path > "/v2/"}
            ),
            "cosign": {name: self._cosign(image) for name, image in images.items()},
        }

    def _images(self) -> dict[str, str]:
        signer = Signer(self.real, self.programs)
        images = {}
        for name, who in (
            ("release", github("acme/release")),
            ("branch", github("acme/branch", ref="refs/heads/main")),
            ("stranger", github("evil/stranger")),
            ("proposal", github("acme/proposal", event="pull_request")),
        ):
            images[name] = self._push(name)
            signer.bundle(images[name], who)
        images["old"] = self._push("old")
        signer.legacy(images["old"], github("acme/old"))
        images["unsigned"] = self._push("unsigned")
        return images

    def _push(self, name: str) -> str:
        digest = self.registry.put_image(f"acme/{name}", "v1")
        return f"{REGISTRY}/acme/{name}:v1@{digest}"

    def _git(self, *arguments: str) -> None:
        identity = ("-c", "user.name=acme", "-c", "user.email=robot@acme.example")
        self.programs.must("git", "-C", str(self.repository), *identity, *arguments)

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "-m", message)

    def _cosign(self, image: str) -> int:
        """As whoever `auditor.yaml` allows, in the only way that cosign has: a regular expression."""
        subject = r"^https://github\.com/acme/[^/]+/\.github/workflows/release\.yaml@refs/tags/v.*$"
        who = ("--certificate-identity-regexp", subject, "--certificate-oidc-issuer", GITHUB_ISSUER)
        trust = ("--trusted-root", self.real.trusted_root, "--insecure-ignore-tlog", "--use-signed-timestamps")
        return self.programs.run(tool("cosign"), "verify", *trust, *who, image.replace(":v1@", "@")).status


def _pod(name: str, image: str) -> str:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
    return json.dumps(pod | {"spec": {"containers": [{"name": name, "image": image}]}})


if __name__ == "__main__":
    main()
