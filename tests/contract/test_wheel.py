"""What is shipped: the wheel carries the rules and works outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


SHARED = {
    "data/share/bash-completion/completions/auditor",
    "data/share/fish/vendor_completions.d/auditor.fish",
    "data/share/man/man1/auditor.1",
    "data/share/zsh/site-functions/_auditor",
}
"""What an installer puts beside the package: completions and the manual page."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = target.glob("gitops_auditor-*.whl")
    return built


def test_the_wheel_carries_every_rule_file_and_nothing_of_the_checkout_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    rules = {path.relative_to(ROOT / "rules").as_posix() for path in (ROOT / "rules").rglob("*") if path.is_file()}
    assert rules
    assert {f"auditor/_rules/{name}" for name in rules} <= names
    assert "auditor/py.typed" in names
    beside = {name for name in names if ".dist-info/" not in name and not name.startswith("auditor/")}
    assert {name.partition(".data/")[2] for name in beside} == SHARED
    sources = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "auditor").rglob("*") if "__pycache__" not in path.parts
    }
    assert {name for name in sources if (ROOT / name).is_file()} <= names


def test_the_wheel_explains_a_rule_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import auditor; print(auditor.__file__); from auditor.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path / "site"), "explain", "unsigned-image"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    place, _, page = done.stdout.partition("\n")
    assert place.startswith(str(tmp_path))
    assert page.splitlines()[0] in (ROOT / "rules/catalog/unsigned-image.md").read_text("utf-8")
