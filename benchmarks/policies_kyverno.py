"""The same workloads and policies by `auditor check` and by `kyverno apply`: wall time and CPU of whole processes.

    python -m benchmarks.policies_kyverno [--images 50] [--policies 50] [--repeat 3]

Every image has a signature of its own on a registry on loopback, and every policy speaks about every image. The policies hold
all that is trusted, so nobody else is asked. Both must accept every pair, or nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from benchmarks.measure import Cost, auditor, fastest, fresh_folder, run
from benchmarks.table import Table
from fixtures.registry import OciRegistry
from fixtures.sigstore import Sigstore, github, sig_layer
from fixtures.sigstore.push import push_signatures

AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHO: Final = github("acme/app")
_RULES: Final = """\
version: 1
images:
  - {{match: "{host}/acme/**", unsigned: allow, reason: the policies of the cluster judge, pinned: ignore}}
registries:
  "{host}": {{ca-file: ca.pem}}
"""
_TOOLS: Final = Path(__file__).resolve().parent.parent / ".cache" / "tools"


def find() -> str | None:
    """kyverno: the one of the tools folder, else on PATH."""
    local = _TOOLS / "kyverno"
    return str(local) if local.is_file() else shutil.which("kyverno")


class Scene(Struct, frozen=True):
    """A folder with `policies.yaml` and `pods.yaml`, as both programs read them."""

    folder: Path

    @property
    def policies(self) -> Path:
        """The policies."""
        return self.folder / "policies.yaml"

    @property
    def pods(self) -> Path:
        """The workloads."""
        return self.folder / "pods.yaml"

    @property
    def ca(self) -> Path:
        """Who vouches for the registry. Without TLS Kyverno would wait 0.3 s at every image for an answer over TLS."""
        return self.folder / "ca.pem"

    def environ(self, cache: str) -> dict[str, str]:
        """For either program: a home of its own."""
        own = {"HOME": str(self.folder), "TUF_ROOT": str(self.folder / "tuf"), "SSL_CERT_FILE": str(self.ca)}
        return {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": cache, **own}


@contextmanager
def scene(images: int, policies: int) -> Iterator[Scene]:
    """Signed images on a registry, and who wants them signed."""
    stack = Sigstore()
    with OciRegistry(tls=True) as registry, tempfile.TemporaryDirectory() as folder:
        made = Scene(Path(folder))
        made.pods.write_text(_documents(_pod(registry, stack, number) for number in range(images)))
        made.policies.write_text(_documents(_policy(stack, number, registry.host) for number in range(policies)))
        made.ca.write_bytes(registry.ca_pem)
        (made.folder / "auditor.yaml").write_text(_RULES.format(host=registry.host))
        yield made


def _documents(documents: Iterator[Mapping[str, Any]]) -> str:
    return "---\n".join(f"{json.dumps(each)}\n" for each in documents)


def _pod(registry: OciRegistry, stack: Sigstore, number: int) -> Mapping[str, Any]:
    name = f"acme/app-{number}"
    digest = registry.put_image(name, "v1")
    push_signatures(registry, name, digest, sig_layer(stack.sign(digest, WHO, AT)))
    image = registry.reference(name, "v1", digest)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"app-{number}"},
        "spec": {"containers": [{"name": "app", "image": image}]},
    }


def _policy(stack: Sigstore, number: int, host: str) -> Mapping[str, Any]:
    pems = {name: content.decode() for name, content in stack.pem_files().items()}
    keyless = {
        "issuer": WHO.issuer,
        "subject": "https://github.com/acme/app/*",
        "roots": pems["fulcio"],
        "rekor": {"url": "https://rekor.acme.example", "pubkey": pems["rekor"]},
        "ctlog": {"pubkey": pems["ctlog"]},
    }
    verification = {
        "imageReferences": [f"{host}/acme/*"],
        "mutateDigest": False,
        "required": False,
        "attestors": [{"entries": [{"keyless": keyless}]}],
    }
    rule = {
        "name": "signed",
        "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        "verifyImages": [verification],
    }
    return {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": f"signed-{number}"},
        "spec": {"validationFailureAction": "Enforce", "background": False, "rules": [rule]},
    }


def _once(command: list[str], made: Scene) -> Cost:
    return run(command, environ=made.environ(fresh_folder()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--policies", type=int, default=50)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    kyverno = find()
    if kyverno is None:
        print("kyverno is not installed: not compared")
        return
    title = f"{options.images} images by {options.policies} policies, the fastest of {options.repeat} rounds that take turns"
    table = Table(title, ("way", "wall s", "CPU s", "MiB", "times the auditor's wall"))
    with scene(options.images, options.policies) as made:
        apply = [kyverno, "apply", str(made.policies), "--resource", str(made.pods), "--registry", "--remove-color"]
        # Our own rules ask for nothing: the exit status says whether all the policies accept.
        check = auditor("check", str(made.folder), "--config", str(made.folder / "auditor.yaml"), "-f", "json")
        ours, theirs = fastest(options.repeat, lambda: _once(check, made), lambda: _once(apply, made))
        for way, cost in (("auditor check", ours), ("kyverno apply", theirs)):
            table.add(way, cost.wall, cost.cpu, cost.memory, cost.wall / ours.wall)
    table.show()


if __name__ == "__main__":
    main()
