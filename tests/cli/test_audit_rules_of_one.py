"""`config:` in the file of repositories: rules that whoever runs the audit gives one of them, and nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import pytest

from fixtures.registry.access import BasicAccess
from tests.cli.house import Ran
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.cli.test_audit_engines import cluster


def lenient(estate: Estate) -> str:  # noqa: F811 - as above
    """Rules by which nobody must sign."""
    return (
        f"version: 1\nimages:\n  - {{match: '{estate.house.images.registry.host}/acme/**', unsigned: allow, reason: a test,"
        " pinned: ignore}\n"
    )


def given(estate: Estate, rules: str) -> Path:  # noqa: F811 - as above
    """A folder of whoever runs the audit, with rules files beside each other."""
    folder = estate.folder / "operations"
    folder.mkdir(exist_ok=True)
    (folder / "lenient.yaml").write_text(lenient(estate))
    (folder / "strict.yaml").write_text(rules)
    (folder / "trust").mkdir(exist_ok=True)
    (folder / "trust" / "root.json").write_text(estate.house.images.trusted_root())
    return folder


def audit(estate: Estate, entries: list[object], *options: str, status: int) -> Ran:  # noqa: F811 - as above
    file = estate.folder / "operations" / "repositories.json"
    file.write_text(json.dumps({"repositories": entries}))
    return estate.audit("--repos", str(file), *options, status=status)


def exits(ran: Ran) -> dict[str, int]:
    return {each["name"]: each["exit"] for each in ran.report["repositories"]}


def test_each_is_judged_by_what_it_was_given(estate: Estate) -> None:  # noqa: F811 - as above
    """One by a file for all, one by its own, and one by a lenient file: the same images, and three results."""
    given(estate, estate.house.images.rules(owner="other"))
    for name in ("own", "excused", "others"):
        estate.own(name, "api", "unsigned" if name == "excused" else "web")
    entries: list[object] = [
        {"path": "../own"},
        {"path": "../excused", "config": "lenient.yaml"},
        {"path": "../others"},
    ]
    assert exits(audit(estate, entries, status=0)) == {"own": 0, "excused": 0, "others": 0}
    by_all = audit(estate, entries, "--config", str(estate.folder / "operations" / "strict.yaml"), status=1)
    assert exits(by_all) == {"own": 1, "excused": 0, "others": 1}
    assert {f["repository"] for f in by_all.report["findings"] if f["rule"] == "wrong-signer"} == {"own", "others"}
    entries[1] = {"path": "../excused"}
    assert exits(audit(estate, entries, status=1)) == {"own": 0, "excused": 1, "others": 0}, "read anew by other rules"


def test_the_repository_has_no_say_in_it(estate: Estate) -> None:  # noqa: F811 - as above
    """Neither its rules file nor files that are called as those of the other one count."""
    given(estate, estate.house.images.rules())
    estate.own(
        "apps",
        "unsigned",
        more={"auditor.yaml": lenient(estate), "strict.yaml": lenient(estate), "trust/root.json": "{}"},
    )
    assert exits(audit(estate, [{"path": "../apps"}], status=0)) == {"apps": 0}
    assert exits(audit(estate, [{"path": "../apps", "config": "strict.yaml"}], status=1)) == {"apps": 1}


def test_a_file_inside_of_what_it_would_judge_is_refused(estate: Estate) -> None:  # noqa: F811 - as above
    given(estate, estate.house.images.rules())
    estate.own("apps", "unsigned", more={"ci/lenient.yaml": lenient(estate)})
    (estate.folder / "operations" / "link.yaml").symlink_to(estate.folder / "apps" / "ci" / "lenient.yaml")
    for config in ("../apps/ci/lenient.yaml", "link.yaml"):
        ran = audit(estate, [{"path": "../apps", "config": config}], status=2)
        assert "which it would judge" in ran.err


def test_mistakes_are_told_before_anything_is_read(estate: Estate) -> None:  # noqa: F811 - as above
    folder = given(estate, "version: 1\nsigners: [\n")
    (folder / "other.yaml").write_text("version: 1\nimagse: []\nwaiverz: []\n")
    estate.own("apps", "api")
    for config, wanted in (
        ("nothing.yaml", ["repositories.json:1: there is no rules file"]),
        ("https://acme.example/auditor.yaml", ["there is no rules file"]),
        (".", ["there is no rules file"]),
        ("strict.yaml", ["operations/strict.yaml:"]),
        ("other.yaml", ["operations/other.yaml:2:", "operations/other.yaml:3:"]),
    ):
        ran = audit(estate, [{"path": "../apps", "config": config}], status=2)
        assert all(each in ran.err for each in wanted), (config, ran.err)
        assert not estate.history.exists()


def test_named_twice(estate: Estate) -> None:  # noqa: F811 - as above
    given(estate, estate.house.images.rules())
    estate.own("apps", "unsigned")
    both: list[object] = [{"path": "../apps"}, {"path": "../apps", "config": "lenient.yaml"}]
    assert "named twice" in audit(estate, both, status=2).err
    assert exits(audit(estate, [both[1], both[1]], status=0)) == {"apps": 0}


@pytest.mark.parametrize(("who", "signed_in"), [("given", True), ("own", False)])
def test_credentials_are_for_registries_of_rules_that_were_given(estate: Estate, who: str, signed_in: bool) -> None:  # noqa: F811
    """A repository that says how to speak to a host gets no credential sent there, though another's given rules say the same."""
    registry = estate.house.images.registry
    home = estate.house.home / ".docker"
    home.mkdir()
    auth = {"username": "robot", "password": "s3cret"}
    (home / "config.json").write_text(json.dumps({"auths": {registry.host: auth}}))
    rules = estate.house.images.rules(f"registries:\n  '{registry.host}': {{plain-http: true}}\n")
    given(estate, rules)
    for name in ("given", "own"):
        estate.own(name, "api", more={"auditor.yaml": rules})
    entries: list[object] = [{"path": "../given", "config": "strict.yaml"}, {"path": "../own"}]
    with patch.object(registry, "access", BasicAccess({"robot": "s3cret"})):  # others use it after us
        found = exits(audit(estate, entries, status=3))
    assert found[who] == (0 if signed_in else 3)


@pytest.mark.slow
def test_workers_elsewhere_judge_by_it_too(estate: Estate, tmp_path: Path) -> None:  # noqa: F811 - as above
    """It travels with the settings: no file of it is where they are."""
    given(estate, estate.house.images.rules())
    for name in ("own", "excused"):
        estate.own(name, "unsigned")
    entries: list[object] = [{"path": "../own"}, {"path": "../excused", "config": "lenient.yaml"}]
    with cluster(tmp_path, estate.house.process_environ()) as workers:
        assert exits(audit(estate, entries, "--refresh", *workers.engine, status=1)) == {"own": 1, "excused": 0}
