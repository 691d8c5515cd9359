"""The real crane and cosign push to our registry and sign there; we read what they wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from auditor.model.evidence import Resolved
from auditor.model.reference import Digest, Reference
from fixtures.registry import OciRegistry, Quirks, TokenAccess
from tests.registry.asking import ask, client

pytestmark = pytest.mark.interop
_TOOLS = Path(__file__).resolve().parents[2] / ".cache" / "tools"


def tool(name: str) -> str:
    """A real program, from the cached folder or PATH. Skips the test where there is none."""
    found = shutil.which(name, path=f"{_TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.skip(f"{name} is neither in {_TOOLS.name}/ nor on PATH")
    return found


class Programs:
    """Runs programs with a home and a docker configuration of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "HOME": str(folder),
            "DOCKER_CONFIG": str(folder),
            "COSIGN_PASSWORD": "",
            "PATH": os.environ["PATH"],
        }
        (folder / "config.json").write_text("{}")

    def run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            [tool(name), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=self.environ,
            cwd=self.folder,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_crane_pushes_copies_and_reads(programs: Programs) -> None:
    content = programs.folder / "content"
    content.write_bytes(os.urandom(200_000))
    with tarfile.open(programs.folder / "layer.tar", "w") as archive:
        archive.add(content, "content")
    with OciRegistry() as registry, client(registry) as opened:
        reference = registry.reference("acme/pushed", "1")
        programs.run("crane", "append", "-f", "layer.tar", "-t", reference)
        programs.run("crane", "copy", reference, registry.reference("acme/copied", "2"))
        digest = programs.run("crane", "digest", reference)
        for one in (reference, registry.reference("acme/copied", "2")):
            assert opened.resolve(Reference.parse(one)) == Resolved(
                Digest.parse(digest), "application/vnd.docker.distribution.manifest.v2+json"
            )
        assert programs.run("crane", "ls", registry.reference("acme/copied")) == "2"


def test_crane_logs_in_and_its_login_is_ours(programs: Programs) -> None:
    with OciRegistry(access=TokenAccess(users={"robot": "secret"}, anonymous=False)) as registry:
        registry.put_image("acme/api", "1")
        programs.run("crane", "auth", "login", registry.host, "-u", "robot", "-p", "secret")
        digest = programs.run("crane", "digest", registry.reference("acme/api", "1"))
        with client(registry, environ=programs.environ) as opened:
            found = opened.resolve(Reference.parse(registry.reference("acme/api", "1")))
    assert isinstance(found, Resolved)
    assert str(found.digest) == digest


LEGACY = ("--new-bundle-format=false", "--tlog-upload=false", "--use-signing-config=false")


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(referrers=False), Quirks(artifact_type_from_config=True)])
def test_what_cosign_writes_is_found(programs: Programs, quirks: Any) -> None:
    programs.run("cosign", "generate-key-pair")
    programs.run("cosign", "signing-config", "create", "--out", "signing.json")
    (programs.folder / "predicate.json").write_text("{}")
    bundle = ("--signing-config", "signing.json")
    attest = ("attest", "--yes", "--key", "cosign.key", "--predicate", "predicate.json", "--type", "custom")
    with OciRegistry(quirks=quirks) as registry, client(registry) as opened:
        made = {name: registry.put_image(f"acme/{name}", "1") for name in ("legacy", "bundle", "att", "both")}
        reference = {name: registry.reference(f"acme/{name}", digest=digest) for name, digest in made.items()}
        programs.run("cosign", "sign", "--yes", "--key", "cosign.key", *LEGACY, reference["legacy"])
        programs.run("cosign", "sign", "--yes", "--key", "cosign.key", *bundle, reference["bundle"])
        programs.run("cosign", *attest, *LEGACY, reference["att"])
        programs.run("cosign", "sign", "--yes", "--key", "cosign.key", *LEGACY, reference["both"])
        programs.run("cosign", *attest, *bundle, reference["both"])
        found = {name: ask(opened, registry, one) for name, one in reference.items()}
    assert {name: sorted(asked.found) for name, asked in found.items()} == {
        "legacy": ["SimpleSigning"],
        "bundle": ["BundleBytes"],
        "att": ["LegacyAttestation"],
        "both": ["BundleBytes", "SimpleSigning"],
    }
    assert not any(asked.kinds for asked in found.values())
    assert not any("/blobs/" in request for request in found["legacy"].requests)  # the payload was rebuilt
