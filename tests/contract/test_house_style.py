"""What every file of the project keeps to."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for folder in ("auditor", "fixtures", "benchmarks") for path in (ROOT / folder).rglob("*.py"))

FORBIDDEN = {
    "the host of a package registry": re.compile(
        "|".join(
            re.escape(host)
            for host in ("pypi" + ".org", "pythonhosted" + ".org", "proxy.golang" + ".org", "registry.npmjs" + ".org")
        )
    ),
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|Users)/[\w.]"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    pattern = FORBIDDEN[what]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        if path != Path(__file__)
        for match in pattern.finditer(path.read_bytes().decode("utf-8", "replace"))
    ]
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 400, "split it"


def test_the_lock_file_pins_and_hashes_everything_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))
    assert len(entries) > 30
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]
    assert "://" not in lock


def test_the_lock_file_holds_every_direct_dependency() -> None:
    pins = {
        name.lower()
        for name in re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    }
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    lists = re.findall(r"^(?:dependencies|dev|all) = \[(.*?)\]", project, re.MULTILINE | re.DOTALL)
    wanted = {
        re.sub(r"[-_.]+", "-", name.lower()) for block in lists for name in re.findall(r'"([A-Za-z0-9._-]+)', block)
    }
    assert len(wanted) > 10
    assert wanted <= pins
