"""The real Renovate over a folder of files, offline: which images it extracts, and what that costs.

It is installed once, by `npm install --prefix .cache/tools/renovate renovate@39` (as `.ci/run` does); without node or npm there is no figure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from benchmarks.measure import Cost, run

ROOT = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / ".cache" / "tools" / "renovate"
VERSION: Final = "39"
_PROGRAM: Final = FOLDER / "node_modules" / "renovate" / "dist" / "renovate.js"
_EVERY: Final = {"fileMatch": [r"\.ya?ml$"]}
_CONFIG: Final = {
    "onboarding": False,
    "requireConfig": "ignored",
    "enabledManagers": ["kubernetes", "flux", "argocd", "helm-values", "kustomize", "tekton"],
    "kubernetes": _EVERY,
    "flux": _EVERY,
    "argocd": _EVERY,
    "helm-values": _EVERY,
    "tekton": _EVERY,
    "ignorePaths": [],
    "reportType": "file",
}
"""Every manager that reads what clusters run, on every YAML file (kustomize: on kustomizations, as it is by default)."""


class Found(Struct, frozen=True):
    """One image that Renovate extracts: the file, its manager, and the reference put together again."""

    file: str
    manager: str
    reference: str


def is_built() -> bool:
    """Whether it is installed here."""
    return _PROGRAM.exists()


def missing() -> str | None:
    """Why there is no Renovate here, after trying to install it; None where there is one."""
    if is_built():
        return None
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    command = ["npm", "install", "--prefix", str(FOLDER), "--no-audit", "--no-fund", "--ignore-scripts"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*command, "--omit=optional", f"renovate@{VERSION}"], capture_output=True, text=True, check=False, timeout=900
    )
    return None if done.returncode == 0 and _PROGRAM.exists() else f"npm could not install it: {done.stderr[-300:]}"


def extract(repository: Path) -> tuple[tuple[Found, ...], Cost]:
    """What it extracts from the files of a repository, and what that cost. Runs without network where that can be had."""
    with tempfile.TemporaryDirectory(prefix="renovate-") as name:
        scratch = Path(name)
        tree = scratch / "tree"
        shutil.copytree(repository, tree, symlinks=True)
        subprocess.run(["chmod", "-R", "u+w", str(tree)], check=True)
        environ = {"PATH": os.environ["PATH"], "HOME": name, "GIT_CONFIG_NOSYSTEM": "1"}
        for command in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "-m", "tree"]):
            author = ["-c", "user.name=acme", "-c", "user.email=ci@acme.example"]
            subprocess.run(["git", *author, *command], cwd=tree, env=environ, check=True, stdin=subprocess.DEVNULL)
        report = scratch / "report.json"
        config = scratch / "config.json"
        config.write_text(json.dumps({**_CONFIG, "reportPath": str(report), "baseDir": name, "cacheDir": f"{name}/c"}))
        environ |= {"RENOVATE_CONFIG_FILE": str(config), "LOG_LEVEL": "error"}
        program = ["node", str(_PROGRAM), "--platform=local", "--dry-run=extract"]
        cost = run(["env", "-C", str(tree), *_offline(), *program], environ=environ)
        return tuple(_images(json.loads(report.read_text()))), cost


def _offline() -> list[str]:
    """The start of a command line that has no network, where namespaces may be made."""
    command = ["unshare", "--map-root-user", "--net"]
    usable = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if usable and usable.returncode == 0 else []


def _images(report: dict[str, Any]) -> Iterator[Found]:
    for manager, files in report["repositories"]["local"]["packageFiles"].items():
        for file in files:
            for dependency in file.get("deps", ()):
                reference = _reference(dependency)
                if reference:
                    yield Found(file["packageFile"], manager, reference)


def _reference(dependency: dict[str, Any]) -> str | None:
    """The reference of a dependency that is an image; charts and versions of APIs are none."""
    name = dependency.get("packageName") or dependency.get("depName")
    if dependency.get("datasource") != "docker" or not name:
        return None
    tag, digest = dependency.get("currentValue"), dependency.get("currentDigest")
    return f"{name}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
