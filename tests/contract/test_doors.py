"""Each floor imports only floors below it, and each foreign library has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "auditor"

DOORS = {
    "argparse": "auditor/cli",
    "asyncio": "auditor/fleet/engines/workers.py",
    "cel": "auditor/policies/kyverno/cel.py",
    "cryptography": "auditor/signatures",
    "distributed": "auditor/fleet/engines/workers.py",
    "git": "auditor/source/commands.py",
    "httptools": "auditor/registry/connection.py",
    "httpx": "auditor/registry",
    "helm_python": "auditor/manifests/render",
    "ijson": "auditor/report/fleet/json_parts.py",
    "jmespath": "auditor/policies/kyverno/conditions.py",
    "msgspec": "auditor",
    "pathspec": "auditor/manifests",
    "platformdirs": "auditor/folders.py",
    "re2": "auditor/config/names.py",
    "regopy": "auditor/policies/rego/child.py",
    "rfc3161_client": "auditor/signatures",
    "rich": "auditor/cli/bar.py",
    "ruamel": "auditor/config/document.py",
    "sigstore": "auditor/signatures",
    "sigstore_models": "auditor/signatures",
    "sqlite3": "auditor/history/store.py",
    "stamina": "auditor/registry",
    "tabulate": "auditor/report",
    "tuf": "auditor/signatures",
    "yaml": "auditor/manifests/yaml/parse.py",
}
"""Library → the one place that imports it, as `docs/architecture.md` says."""
GUARDED = {"argparse", "asyncio", "multiprocessing", "pickle", "sqlite3", "urllib.request", "http.server"}
"""Parts of the standard library that need a door as well, or have no business here."""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at whatever depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.ImportFrom(level=level):
                assert not level, f"{path}: a relative import hides which floor it is"
            case _:
                pass


def test_the_scan_sees_what_is_hidden_in_functions(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import os\ndef f():\n    if 1:\n        from httpx import Client\n        import a.b as c\n"
    )
    assert set(imports(tmp_path / "m.py")) == {"os", "httpx", "a.b"}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_foreign_libraries_come_in_by_their_door(path: Path) -> None:
    here = path.relative_to(ROOT)
    for module in imports(path):
        library = module.split(".")[0]
        if library == "auditor" or (library in sys.stdlib_module_names and module not in GUARDED):
            continue
        door = DOORS.get(library)
        assert door is not None, f"{here} imports {module}, which has no door (docs/architecture.md)"
        assert here.is_relative_to(door), f"{here} imports {module}; its door is {door}"


def test_each_floor_imports_only_floors_below() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def loaded(*command: str) -> set[str]:
    """The top-level packages that are loaded when a command of the program has ended."""
    code = (
        "import sys\nfrom auditor.cli.main import run\nsys.argv = ['auditor', *sys.argv[1:]]\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print('\\n' + ' '.join({name.split('.')[0] for name, module in sys.modules.items() if module}))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rsplit("\n", 2)[-2].split())


def test_the_inventory_loads_neither_sigstore_nor_httpx(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: web, image: ghcr.io/acme/web:1}]\n"
    )
    found = loaded("images", str(tmp_path))
    assert "auditor" in found
    assert not found & {"sigstore", "httpx", "cryptography", "tuf", "pydantic"}


def test_the_version_loads_next_to_nothing() -> None:
    found = loaded("--version")
    assert not found & (set(DOORS) - {"argparse", "msgspec"})
