"""What a run loads. Machines differ in speed; what slows a start down is the same everywhere: modules that nobody needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.house import House

CODE = """\
import sys
from auditor.cli.main import run
try:
    run()
except SystemExit as end:
    status = end.code
sys.stderr.write("\\n".join(["", str(status), *sorted(name for name, module in sys.modules.items() if module)]))
"""
COMMAND_LINES = {"click", "rich", "pygments", "markdown_it"}
"""What the command lines of our libraries are made of."""


def loaded(house: House, *arguments: str) -> tuple[int, set[str]]:
    """The exit status, and every module that is loaded when the command has ended."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments],
        cwd=house.repo,
        env=house.process_environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    status, *modules = done.stderr.strip().splitlines()
    return int(status), set(modules)


def tops(modules: set[str], unwanted: set[str]) -> set[str]:
    """Which of the unwanted packages are there all the same."""
    return unwanted & {name.partition(".")[0] for name in modules}


def test_version_reads_no_floor_but_the_lowest(house: House) -> None:
    status, modules = loaded(house, "--version")
    floors = {name for name in modules if name.startswith("auditor.")}
    allowed = (
        "auditor.cli",
        "auditor.model",
        "auditor.errors",
        "auditor.progress",
        "auditor.version",
        "auditor.rulebook",
        "auditor.limits",
    )
    assert status == 0
    assert {name for name in floors if not name.startswith(allowed)} == set()
    assert (
        tops(
            modules,
            {
                "git",
                "yaml",
                "ruamel",
                "re2",
                "httpx",
                "cryptography",
                "sigstore",
                "tabulate",
                "logging",
            },
        )
        == set()
    )


def test_the_inventory_knows_nothing_of_registries_and_signatures(house: House) -> None:
    house.commit_base()
    status, modules = loaded(house, "images", ".", "-f", "json")
    assert status == 0
    assert (
        tops(
            modules,
            {
                "httpx",
                "httpcore",
                "cryptography",
                "sigstore",
                "tuf",
                "pydantic",
                "stamina",
                "tabulate",
            },
        )
        == set()
    )
    floors = {name for name in modules if name.startswith(("auditor.registry.", "auditor.signatures."))}
    assert floors <= {"auditor.registry.material"}, "the seam alone"


def test_a_change_that_deploys_nothing_new_loads_no_more(house: House) -> None:
    house.commit_base()
    status, modules = loaded(house, "check", ".", "--base", "main", "-f", "json")
    assert status == 0
    assert tops(modules, {"httpx", "cryptography", "sigstore", "tuf", "pydantic", "stamina", "tabulate"}) == set()


@pytest.mark.parametrize("name", ["api", "web"], ids=["legacy", "bundle"])
def test_a_signature_loads_neither_sigstore_nor_any_command_line(house: House, name: str) -> None:
    """Both forms are verified without sigstore's models, which take a third of a second to load."""
    house.commit_base()
    house.commit({"new.yaml": house.images.pod(name).replace(f"name: {name}", "name: new")})
    status, modules = loaded(house, "check", ".", "--base", "main", "-f", "json")
    assert status == 0
    assert "auditor.signatures.recipe" in modules
    assert tops(modules, (COMMAND_LINES | {"sigstore", "tuf", "pydantic", "requests", "tabulate", "sqlite3"})) == set()


@pytest.mark.parametrize("name", ["api", "web"], ids=["legacy", "bundle"])
def test_an_image_that_is_named_loads_no_reading_of_manifests(house: House, name: str) -> None:
    """Beside a folder that is no repository no git either, and neither the judging of files nor the cluster's engines."""
    rules = house.repo.parent / "named" / "auditor.yaml"
    (rules.parent / "trust").mkdir(parents=True)
    rules.write_text(house.images.rules())
    (rules.parent / "trust" / "root.json").write_text(house.images.trusted_root())
    status, modules = loaded(
        house, "check", str(rules.parent), "--image", house.images.ref(name), "--config", str(rules), "-f", "json"
    )
    assert status == 0
    assert "auditor.signatures.recipe" in modules
    assert (
        tops(modules, (COMMAND_LINES | {"git", "yaml", "sigstore", "tuf", "pydantic", "tabulate", "asyncio"})) == set()
    )
    floors = (
        "auditor.manifests.",
        "auditor.policies.kyverno",
        "auditor.enforcement",
        "auditor.judge.file",
        "auditor.pipeline",
    )
    assert {each for each in modules if each.startswith(floors)} <= {"auditor.manifests.text"}, "the words alone"


def test_a_second_opinion_loads_sigstore(house: House) -> None:
    house.commit_base()
    house.commit({"new.yaml": house.images.pod("web").replace("name: web", "name: new")})
    status, modules = loaded(house, "check", ".", "--base", "main", "-f", "json", "--second-opinion")
    assert status == 0
    assert "sigstore.verify" in modules


def test_no_format_loads_another(house: House) -> None:
    house.commit_base()
    _, modules = loaded(house, "images", ".", "-f", "csv")
    assert "auditor.report.csv_rows" in modules
    assert not modules & {f"auditor.report.{name}" for name in ("table", "sarif", "markdown", "junit", "grid")}
