"""`auditor audit` over real repositories and a real registry: each tree is judged as the gate would, each question asked once."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.registry import OciRegistry
from fixtures.registry.access import TokenAccess
from fixtures.sigstore import github, sig_layer
from fixtures.sigstore.push import push_signatures
from tests.cli.house import AT, House, Ran
from tests.cli.test_cluster_policies import kyverno
from tests.support import repositories

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "repos"


class Estate:
    """Several repositories beside each other, and one history."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house = house
        self.folder = folder
        self.history = folder / "history.sqlite"

    def repository(self, name: str, files: Mapping[str, bytes | str]) -> Path:
        """A repository with these files at HEAD."""
        made = repositories.new(self.folder / name)
        repositories.commit(made, dict(files))
        return made

    def own(self, name: str, *images: str, more: Mapping[str, bytes | str] | None = None) -> Path:
        """A repository with the house's rules that deploys these images."""
        base = {key: self.house.base[key] for key in ("auditor.yaml", "trust/root.json")}
        return self.repository(name, base | {"pods.yaml": self.house.images.pod(*images)} | dict(more or {}))

    def audit(self, *arguments: str | Path, status: int | None = None, **options: Any) -> Ran:
        """Audit, with JSON on standard output."""
        told = map(str, arguments)
        ran = self.house.run(
            "audit", *told, "--history", str(self.history), "-f", "json", cwd=self.folder, **options
        ).clean_of_tracebacks()
        assert status is None or ran.status == status, ran.err
        return ran


@pytest.fixture
def estate(house: House, tmp_path: Path) -> Estate:
    folder = tmp_path / "estate"
    folder.mkdir()
    return Estate(house, folder)


def of(report: Mapping[str, Any], name: str) -> dict[str, list[dict[str, Any]]]:
    """What an audit says of one repository, without what only an audit adds."""
    lists = {}
    for key in ("images", "findings", "skipped"):
        entries = (dict(entry) for entry in report[key] if entry["repository"] == name)
        lists[key] = [{k: v for k, v in entry.items() if k not in {"repository", "since"}} for entry in entries]
    return lists


def checked(report: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The same of what the gate says of a whole tree."""
    return {
        key: [{k: v for k, v in entry.items() if k not in {"repository", "since"}} for entry in report[key]]
        for key in ("images", "findings", "skipped")
    }


def in_order(lists: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    return {key: sorted(json.dumps(entry, sort_keys=True) for entry in entries) for key, entries in lists.items()}


def test_a_repository_is_judged_as_the_gate_judges_it(estate: Estate) -> None:
    images = estate.house.images
    estate.own("signed", "api", "web")
    estate.own("mixed", "api", "unsigned", "wrong", "attested")
    estate.own("guarded", "worker", more={"policy.yaml": kyverno(estate.house, "https://github.com/other/*")})
    waiver = (
        f"waivers:\n  - {{image: '{images.registry.host}/acme/unsigned', rule: unsigned-image, until: "
        f"{datetime.now(UTC).date() + timedelta(90)},"
        " owner: acme, reason: migrating}\n"
    )
    estate.own("waived", "unsigned", more={"auditor.yaml": images.rules(waiver)})
    names = ("signed", "mixed", "guarded", "waived")
    report = estate.audit(*names, status=1).report
    for name in names:
        gate = estate.house.run("check", ".", "--head", "HEAD", "-f", "json", cwd=estate.folder / name)
        assert gate.out, gate.err
        whole = gate.report
        assert in_order(of(report, name)) == in_order(checked(whole)), name
    assert {entry["name"]: entry["exit"] for entry in report["repositories"]} == {
        "guarded": 1, "mixed": 1, "signed": 0, "waived": 0
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir()))
def test_the_trees_of_the_fixtures_are_read_as_the_gate_reads_them(estate: Estate, name: str) -> None:
    files = {
        path.relative_to(FIXTURES / name).as_posix(): path.read_bytes()
        for path in (FIXTURES / name).rglob("*")
        if path.is_file()
    }
    estate.repository(name, files)
    options = ("--offline", "--render", "never")
    audited = of(estate.audit(name, *options).report, name)
    whole = estate.house.run("check", name, "--head", "HEAD", "-f", "json", *options, cwd=estate.folder).report
    assert in_order(audited) == in_order(checked(whole))


def test_a_question_of_many_repositories_is_asked_once(estate: Estate) -> None:
    registry = estate.house.images.registry
    names = [f"repository-{number}" for number in range(5)]
    for name in names:
        estate.own(name, "api", "web")
    registry.forget()
    estate.audit(names[0], status=0)
    alone = sorted(registry.asked())
    registry.forget()
    estate.audit(*names, "--refresh", status=0)
    assert sorted(registry.asked()) == alone
    assert alone


def test_one_that_fails_does_not_stop_the_others(estate: Estate) -> None:
    estate.own("good", "api")
    estate.own("broken", "api", more={"auditor.yaml": "version: 1\nsigners: [\n"})
    ran = estate.audit("good", "broken", "nobody", f"file://{estate.folder}/nowhere", status=3)
    entries = {entry["name"].rpartition("/")[2]: entry for entry in ran.report["repositories"]}
    assert entries["good"]["exit"] == 0
    assert entries["broken"]["failure"]["stage"] == "read"
    assert "auditor.yaml" in entries["broken"]["failure"]["why"]
    assert entries["nowhere"]["failure"]["stage"] == entries["nobody"]["failure"]["stage"] == "fetch"


def test_one_rules_file_can_judge_them_all(estate: Estate) -> None:
    """A repository's own rules then count for nothing."""
    estate.own("lenient", "unsigned", more={"auditor.yaml": "version: 1\notherwise: allow\n"})
    central = estate.folder / "central"
    repositories.write(
        central, {"auditor.yaml": estate.house.images.rules(), "trust/root.json": estate.house.images.trusted_root()}
    )
    assert estate.audit("lenient", status=0).rules == []
    assert "unsigned-image" in estate.audit("lenient", "--config", str(central / "auditor.yaml"), status=1).rules


def test_a_tree_that_did_not_change_is_not_read_again(estate: Estate) -> None:
    estate.own("first", "api")
    estate.audit("first", status=0)
    kept = _kept(estate.history)
    repositories.git(estate.folder / "first", "commit", "--quiet", "--allow-empty", "--message", "the same tree")
    report = estate.audit("first", status=0).report
    head = repositories.git(estate.folder / "first", "rev-parse", "HEAD")
    assert report["repositories"][0]["commit"] == head
    assert _kept(estate.history) == kept
    repositories.commit(estate.folder / "first", {"more.yaml": estate.house.images.pod("unsigned")})
    assert "unsigned-image" in estate.audit("first", status=1).rules
    assert _kept(estate.history) != kept


def _kept(history: Path) -> list[tuple[str, bytes]]:
    with sqlite3.connect(history) as database:
        return sorted(database.execute("SELECT key, content FROM extractions WHERE key LIKE 'extract/%'"))


def test_what_has_changed_is_read_while_others_are_asked_about(estate: Estate) -> None:
    """Nothing is asked twice, and what the changed trees ask beyond the others is asked too, on their own ground as well."""
    images = estate.house.images
    changed = [estate.own(f"changed-{number}", "api") for number in range(3)]
    estate.own("same", "api", "web")
    broken = estate.own("breaks", "api")
    names = (*(each.name for each in (*changed, broken)), "same")
    estate.audit(*names, status=0)
    repositories.commit(changed[0], {"more.yaml": images.pod("unsigned"), "web.yaml": images.pod("web")})
    repositories.commit(changed[1], {"auditor.yaml": images.rules("second-opinion: true\n")})
    repositories.commit(changed[2], {"pods.yaml": "kind: List\napiVersion: v1\nitems: []\n"})
    repositories.commit(broken, {"auditor.yaml": "version: 1\nsigners: [\n"})
    images.registry.forget()
    ran = estate.audit(*names, status=1)
    found = {each["name"]: each for each in ran.report["repositories"]}
    assert found["breaks"]["failure"]["stage"] == "read"
    assert found["changed-2"]["summary"]["images"] == 0
    seen = {
        (image["repository"], image["reference"].rpartition("/")[2]): image["verdict"] for image in ran.report["images"]
    }
    assert seen == {
        ("changed-0", "api:1.0"): "verified",
        ("changed-0", "web:1.0"): "verified",
        ("changed-0", "unsigned:1.0"): "unsigned",
        ("changed-1", "api:1.0"): "verified",
        ("same", "api:1.0"): "verified",
        ("same", "web:1.0"): "verified",
    }
    heads = [each.path for each in images.registry.requests if each.path.endswith("/manifests/1.0")]
    assert sorted(heads) == [f"/v2/acme/{name}/manifests/1.0" for name in ("api", "api", "unsigned", "web")]


def test_what_was_read_by_other_settings_is_read_again(estate: Estate) -> None:
    """Two rules files that share a history cannot vouch for each other."""
    estate.own("first", "unsigned")
    strict = estate.folder / "strict"
    lenient = estate.folder / "lenient"
    repositories.write(
        strict, {"auditor.yaml": estate.house.images.rules(), "trust/root.json": estate.house.images.trusted_root()}
    )
    repositories.write(lenient, {"auditor.yaml": "version: 1\notherwise: allow\n"})
    assert estate.audit("first", "--config", str(lenient / "auditor.yaml"), status=0).rules == []
    assert "unsigned-image" in estate.audit("first", "--config", str(strict / "auditor.yaml"), status=1).rules


def test_what_another_root_of_trust_signed_is_not_believed_again(estate: Estate) -> None:
    """The same image in two repositories, one of which trusts a Sigstore that did not sign it."""
    estate.own("right", "api")
    estate.own("other", "api", more={"trust/root.json": estate.house.images.trusted_root("another")})
    report = estate.audit("right", "other", status=1).report
    assert {image["repository"]: image["verdict"] for image in report["images"]} == {
        "right": "verified",
        "other": "invalid",
    }


def test_a_repository_cannot_have_our_credentials_sent_anywhere(estate: Estate) -> None:
    """Its own rules say where the token of a host is asked for: there, nobody's credentials are shown."""
    with OciRegistry(access=TokenAccess(users={"auditor": "secret"})) as private:
        auth = base64.b64encode(b"auditor:secret").decode()
        config = {"auths": {private.host: {"auth": auth}}}
        repositories.write(estate.house.home, {".docker/config.json": json.dumps(config)})
        pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: a, image: {private.host}/acme/a:1}}]}}\n"
        rules = estate.house.images.rules(
            f"registries:\n  {private.host}: {{realm: {private.host}}}\n",
            images=f"  - {{match: '{private.host}/**', signed-by: release}}\n",
        )
        estate.own("steering", "api", more={"auditor.yaml": rules, "more.yaml": pod})
        estate.audit("steering")
        shown = [
            value
            for seen in private.requests
            for name, value in seen.headers.items()
            if name.lower() == "authorization"
        ]
        assert not [value for value in shown if auth in value]
        assert private.requests


def test_nothing_to_audit_is_a_usage_error(estate: Estate) -> None:
    assert estate.audit(status=2).out == ""


def test_two_nights(estate: Estate) -> None:
    """A tag moves, a signature vanishes, an unsigned image appears: each is told on the second night."""
    images = estate.house.images
    images.legacy("moving")
    images.legacy("vanishing")
    estate.own("apps", "moving", "vanishing")
    first = estate.audit("apps", status=0)
    assert first.rules == []
    vanishing = images.registry.store.find("acme/vanishing")
    assert vanishing is not None
    del vanishing.tags[images.digests["vanishing"].replace(":", "-") + ".sig"]
    moved = images.registry.put_image("acme/moving", "1.0", seed="another build")
    signed = images.sigstore.sign(moved, github("acme/moving"), AT)
    push_signatures(images.registry, "acme/moving", moved, sig_layer(signed))
    repositories.commit(estate.folder / "apps", {"new.yaml": images.pod("unsigned")})
    second = estate.audit("apps", status=1)
    assert {"tag-moved", "signature-vanished", "new-unsigned", "unsigned-image"} <= set(second.rules)
    assert second.report["run"]["previous"] == first.report["run"]["started"]


def test_the_log_can_be_json_lines(estate: Estate) -> None:
    estate.own("good", "api")
    estate.own("broken", "api", more={"auditor.yaml": "version: 1\nsigners: [\n"})
    ran = estate.audit("good", "broken", "--log-format", "json", "-v", "--timings", status=3)
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    (failed,) = (line for line in lines if line.get("stage"))
    assert (failed["repository"], failed["stage"], failed["level"]) == ("broken", "read", "error")
    over = lines[-1]
    assert (over["repositories"], over["failed"], over["exit"]) == (2, 1, 3)
    wrong = estate.house.run("audit", "--log-format", "json", cwd=estate.folder)
    assert next(json.loads(line)["level"] for line in wrong.err.splitlines()) == "error"


def test_a_saved_audit_in_other_formats(estate: Estate) -> None:
    estate.own("good", "api")
    estate.own("bad", "unsigned")
    saved = estate.folder / "audit.json"
    estate.audit("good", "bad", "-f", f"json={saved}", status=1)
    site = estate.folder / "site"
    ran = estate.house.run("report", str(saved), "-f", "json", "-f", f"html={site}", cwd=estate.folder)
    assert (ran.status, ran.out) == (1, saved.read_text("utf-8"))
    assert (site / "index.html").is_file()
    saved.write_text(saved.read_text("utf-8").replace('"good"', '"bad"'), "utf-8")
    ran = estate.house.run("report", str(saved), "-f", "json", cwd=estate.folder)
    assert (ran.status, "no result of an audit" in ran.err) == (2, True)


def test_what_was_kept_and_is_damaged_is_read_again(estate: Estate) -> None:
    estate.own("apps", "unsigned")
    first = estate.audit("apps", status=1).report
    for what in ("extract", "wanted", "identity"):
        with sqlite3.connect(estate.history) as database:
            database.execute("UPDATE extractions SET content = x'00' WHERE key = ?", (f"{what}/apps",))
        again = estate.audit("apps", status=1).report
        assert of(again, "apps") == of(first, "apps")
        assert again["repositories"][0]["failure"] is None


def test_a_merge_logs_as_an_audit_does(estate: Estate) -> None:
    estate.own("good", "api")
    part = estate.folder / "part.json"
    told = ("--no-history", "--shard", "1/1", "-q", "-f", f"json={part}")
    assert estate.house.run("audit", "good", *told, cwd=estate.folder).status == 0
    ran = estate.house.run("merge", str(part), "-q", "--log-format", "json", cwd=estate.folder)
    repository, line = (json.loads(line) for line in ran.err.splitlines())
    assert repository["repository"] == "good"
    assert (ran.status, line["exit"], line["repositories"], line["failed"]) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    "wrong", [("--workers", "-1"), ("--workers", "many"), ("--render", "require"), ("--fetch-charts",)]
)
def test_what_cannot_be_done_is_refused_before_anything_is(estate: Estate, wrong: tuple[str, ...]) -> None:
    estate.own("good", "api")
    nothing = {
        "PATH": str(Path(sys.executable).parent / "nothing") + os.pathsep + "/usr/bin",
        "AUDITOR_HELM": "/nowhere",
    }
    ran = estate.audit("good", *wrong, environ=nothing, status=2)
    assert (ran.out, wrong[0] in ran.err) == ("", True)
    assert not estate.history.exists()
