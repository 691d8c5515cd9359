"""The program as its users meet it: a git repository, a registry with signed images on a real socket, and the command line.

`House.run` calls the program in this process with an environment of its own, `House.program` starts a process. Both give
what the caller sees: the exit status and the two streams.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

from msgspec import Struct

from auditor.cli.main import main
from fixtures.registry import OciRegistry
from fixtures.sigstore import REKOR_V2, SLSA_PROVENANCE, Claimant, Sigstore, att_layer, bundle, github, sig_layer
from fixtures.sigstore.push import push_signatures
from tests.support import repositories

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOP = Path(__file__).resolve().parents[2]


class Ran(Struct, frozen=True):
    """One run of the program."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report on standard output."""
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded

    @property
    def verdicts(self) -> dict[str, str | None]:
        """The verdict of each image that this run judges, by the last part of its name (and tag, but for 1.0)."""
        return {short(image): image["verdict"] for image in self.report["images"] if image["verdict"] is not None}

    @property
    def rules(self) -> list[str]:
        """The rule of each finding that counts."""
        return [f["rule"] for f in self.report["findings"] if not f["waived"] and not f["baseline"]]

    def finding(self, rule: str) -> dict[str, Any]:
        """The only finding of a rule."""
        (found,) = (f for f in self.report["findings"] if f["rule"] == rule)
        assert isinstance(found, dict)
        return found

    def clean_of_tracebacks(self) -> Ran:
        """Itself, if it told everything in the program's own words."""
        assert "Traceback" not in self.out + self.err
        assert "internal error" not in self.out + self.err
        return self


def short(image: Mapping[str, Any]) -> str:
    """The last part of an image's name, and its tag where that is not 1.0."""
    name = str(image["name"] or image["reference"]).rpartition("/")[2]
    return name if image["tag"] in (None, "1.0") else f"{name}:{image['tag']}"


class Images:
    """A registry, a Sigstore, and images of `acme/`, all tagged 1.0: one in each state of being signed."""

    def __init__(self, registry: OciRegistry) -> None:
        self.registry = registry
        self.sigstore = Sigstore()
        self.digests: dict[str, str] = {}
        self.legacy("api")
        self.legacy("worker")
        self.bundled("web", github("acme/web"))
        self.bundled("wrong", github("evil/wrong"))
        self.push("unsigned")
        self.attested("attested")

    def push(self, name: str, tag: str = "1.0") -> str:
        """An image that nobody has signed."""
        digest = self.digests[name] = self.registry.put_image(f"acme/{name}", tag)
        return digest

    def legacy(self, name: str, claimant: Claimant | None = None, tag: str = "1.0") -> str:
        """Signed in the legacy form, by its own repository's workflow where nobody else is named."""
        digest = self.push(name, tag)
        signed = self.sigstore.sign(digest, claimant or github(f"acme/{name}"), AT)
        push_signatures(self.registry, f"acme/{name}", digest, sig_layer(signed))
        return digest

    def bundled(self, name: str, claimant: Claimant, tag: str = "1.0") -> str:
        """Signed with a bundle."""
        digest = self.push(name, tag)
        push_signatures(
            self.registry, f"acme/{name}", digest, bundle(self.sigstore.attest(digest, claimant, AT, REKOR_V2))
        )
        return digest

    def attested(self, name: str) -> str:
        """With provenance, and no signature."""
        digest = self.push(name)
        signed = self.sigstore.attest(
            digest, github(f"acme/{name}"), AT, predicate_type=SLSA_PROVENANCE, predicate={"builder": {}}
        )
        push_signatures(self.registry, f"acme/{name}", digest, att_layer(signed))
        return digest

    def ref(self, name: str, tag: str = "1.0") -> str:
        """The reference that manifests name."""
        return f"{self.registry.host}/acme/{name}:{tag}"

    def trusted_root(self, name: str | None = None) -> str:
        """What a verifier must trust; of another deployment where a name is given."""
        return json.dumps((Sigstore(name) if name else self.sigstore).trusted_root())

    def rules(self, more: str = "", *, owner: str = "acme", images: str = "") -> str:
        """An auditor.yaml by which this owner must have signed everything of `acme/`. `images`: entries before that one."""
        return (
            f"version: 1\nsigners:\n  release: {{github: {owner}/*}}\nimages:\n{images}"
            f"  - {{match: '{self.registry.host}/acme/**', signed-by: release, pinned: ignore}}\n"
            f"trust: [{{file: trust/root.json}}]\n{more}"
        )

    def pod(self, *names: str) -> str:
        """One pod for each image, in one file."""
        return "---\n".join(pod(name, self.ref(name)) for name in names)


def pod(name: str, image: str) -> str:
    """A manifest of one container."""
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n  - name: {name}\n    image: {image}\n"


class House:
    """One repository with rules and trust on `main`, and the program."""

    def __init__(self, folder: Path, images: Images) -> None:
        self.images = images
        self.home = folder / "home"
        self.home.mkdir()
        self.repo = repositories.new(folder / "gitops")
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        self.base: dict[str, bytes | str] = {
            "auditor.yaml": images.rules(),
            "trust/root.json": images.trusted_root(),
            "api.yaml": images.pod("api"),
        }

    def commit_base(self, files: Mapping[str, bytes | str] | None = None) -> str:
        """The first commit, on `main`; then a branch for the change. `files` replace those of `base`."""
        name = repositories.commit(self.repo, self.base | dict(files or {}))
        repositories.branch(self.repo, "change")
        return name

    def commit(self, files: Mapping[str, bytes | str]) -> str:
        """One more commit where we are."""
        return repositories.commit(self.repo, files)

    def git(self, *arguments: str) -> str:
        """Run git in the repository."""
        return repositories.git(self.repo, *arguments)

    def check(self, *arguments: str, **options: Any) -> Ran:
        """`auditor check . --base main -f json` with more arguments."""
        return self.run("check", ".", "--base", "main", "-f", "json", *arguments, **options).clean_of_tracebacks()

    def run(
        self, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Ran:
        """The program in this process, with a scrubbed environment, in the repository."""
        out, err = Stream(), Stream()
        streams = (
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(cwd or self.repo),
            patch.dict(os.environ, self.environ | dict(environ or {}), clear=True),
        )
        with contextlib.ExitStack() as stack:
            for stream in streams:
                stack.enter_context(stream)
            try:
                status = int(main(arguments, dict(os.environ)))
            except SystemExit as stop:  # argparse ends the program itself
                status = int(stop.code or 0)
        return Ran(status, out.text, err.text)

    def program(
        self, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Ran:
        """The program as a process."""
        done = subprocess.run(
            [sys.executable, "-m", "auditor", *arguments],
            cwd=cwd or self.repo,
            env=self.process_environ(environ),
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def process_environ(self, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        """The scrubbed environment of a process: it finds the program wherever it stands."""
        return self.environ | {"PYTHONPATH": str(TOP)} | dict(environ or {})


class Stream(io.StringIO):
    """A stream that is no terminal."""

    @property
    def text(self) -> str:
        """What was written."""
        return self.getvalue()
