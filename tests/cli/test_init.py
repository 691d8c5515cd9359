"""`auditor init` over real sockets: what it proposes loads, and a check of the same tree is clean or baseline-only."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from auditor.config.load import load_rules
from fixtures.registry import OciRegistry
from fixtures.sigstore import Claimant, Sigstore, email, github, gitlab, sig_layer
from fixtures.sigstore.push import push_signatures
from tests.cli.house import AT, House, Images, Ran, pod
from tests.support import repositories


@pytest.fixture
def own_images() -> Iterator[Images]:
    """A registry of this test alone: it may push what it likes."""
    with OciRegistry() as registry:
        yield Images(registry)


class Adopter:
    """A repository without rules, and a trusted root beside it."""

    def __init__(self, folder: Path, images: Images) -> None:
        self.house = House(folder, images)
        self.images = images
        self.repo = self.house.repo
        self.root = folder / "trusted_root.json"
        self.root.write_text(images.trusted_root())

    def init(self, *arguments: str, registry: bool = True) -> Ran:
        """`auditor init .` with the test's root and registry."""
        asked = ("--registry", self.images.registry.host) if registry else ()
        return self.house.run("init", ".", "--trusted-root", str(self.root), *asked, *arguments).clean_of_tracebacks()

    def rules(self) -> dict[str, Any]:
        loaded: dict[str, Any] = YAML(typ="safe").load((self.repo / "auditor.yaml").read_text())
        return loaded

    def check(self) -> Ran:
        return self.house.run("check", ".", "-f", "json").clean_of_tracebacks()


@pytest.fixture
def adopter(tmp_path: Path, own_images: Images) -> Adopter:
    return Adopter(tmp_path, own_images)


def test_what_it_proposes_judges_the_same_tree_clean(adopter: Adopter) -> None:
    images = adopter.images
    images.legacy("api", github("acme/api", ref="refs/tags/v1.1.0"), tag="1.1")
    adopter.house.commit({"old.yaml": images.pod("api")})
    adopter.house.commit(
        {
            "old.yaml": pod("api", images.ref("api", "1.1")),
            "all.yaml": images.pod("web", "worker", "unsigned", "attested"),
            ".github/workflows/build.yaml": "on: push\n",
        }
    )
    ran = adopter.init("--yes")
    assert ran.status == 0, ran.err
    rules = adopter.rules()
    host = images.registry.host
    assert rules["signers"]["acme-api"] == {
        "github": "acme/api",
        "workflow": "release.yaml",
        "ref": "refs/tags/v*",
        "repository-id": rules["signers"]["acme-api"]["repository-id"],
        "owner-id": rules["signers"]["acme-api"]["owner-id"],
    }
    assert rules["signers"]["acme-api"]["repository-id"].isdigit()
    assert {"match": f"{host}/acme/api", "signed-by": "acme-api"} in rules["images"]
    assert {str(entry["match"]) for entry in rules["images"]} == {f"{host}/acme/{n}" for n in ("api", "web", "worker")}
    checked = adopter.check()
    assert checked.status == 0
    assert checked.verdicts == {
        "api:1.1": "verified",
        "web": "verified",
        "worker": "verified",
        "unsigned": "uncovered",
        "attested": "uncovered",
    }
    assert all(finding["baseline"] for finding in checked.report["findings"])
    assert (adopter.repo / ".github/workflows/auditor.yaml").is_file()
    assert "is not signed" in (adopter.repo / "auditor.yaml").read_text()


def test_a_new_tag_of_what_is_in_the_baseline_fails(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("unsigned", "api")})
    assert adopter.init("--yes").status == 0
    adopter.images.push("unsigned", "2.0")
    adopter.house.commit({"all.yaml": pod("unsigned", adopter.images.ref("unsigned", "2.0"))})
    assert adopter.check().status == 1


def test_it_shows_and_writes_nothing_unless_somebody_agrees(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    ran = adopter.init()
    assert ran.status == 0
    assert "+signers:" in ran.out
    assert "--yes" in ran.err
    assert repositories.git(adopter.repo, "status", "--porcelain") == ""


def test_the_diff_is_one_that_git_applies(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api", "unsigned")})
    diff = adopter.init("--forge", "github").out
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=adopter.repo, check=True)
    applied = {path: (adopter.repo / path).read_bytes() for path in ("auditor.yaml", ".auditor-baseline.json")}
    repositories.git(adopter.repo, "clean", "-fdq")
    adopter.init("--yes", "--forge", "github")
    assert {path: (adopter.repo / path).read_bytes() for path in applied} == applied


def test_run_again_it_changes_nothing_and_proposes_only_what_is_new(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    adopter.init("--yes", "--forge", "github")
    mine = (adopter.repo / "auditor.yaml").read_text().replace("otherwise: deny", "otherwise: deny # we agreed on it")
    adopter.house.commit({"auditor.yaml": mine})
    again = adopter.init("--yes")
    assert (again.status, again.out) == (0, "")
    adopter.house.commit({"more.yaml": adopter.images.pod("web", "unsigned")})
    more = adopter.init("--yes")
    assert (adopter.repo / "auditor.yaml").read_text() == mine, "a person's rules are never rewritten"
    assert all(not line.startswith("-") or line.startswith("---") for line in more.out.splitlines())
    subprocess.run(["git", "apply", "-"], input=more.out.encode(), cwd=adopter.repo, check=True)
    text = (adopter.repo / "auditor.yaml").read_text()
    assert "# we agreed on it" in text
    assert adopter.check().verdicts == {"api": "verified", "web": "verified", "unsigned": "uncovered"}


@pytest.mark.parametrize(
    "rules",
    [
        "version: 1\nsigners: {a: {github: acme/zzz}}\nimages: []\n",
        "version: 1\r\nimages:\r\n- {match: ghcr.io/acme/x, unsigned: allow, reason: y}\r\n",
        "version: 1\nimages:\n- match: ghcr.io/acme/x\n  unsigned: allow\n  reason: y",
    ],
)
def test_a_file_that_cannot_be_added_to_is_left_alone(adopter: Adopter, rules: str) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    (adopter.repo / "auditor.yaml").write_bytes(rules.encode())
    ran = adopter.init("--yes", registry=True)
    assert (adopter.repo / "auditor.yaml").read_bytes() == rules.encode()
    assert ran.status in (0, 3)


def test_from_a_folder_below_it_adopts_the_whole_repository(adopter: Adopter) -> None:
    adopter.house.commit({"a/api.yaml": adopter.images.pod("api"), "b/odd.yaml": adopter.images.pod("unsigned")})
    adopter.house.run(
        "init", "a", "--trusted-root", str(adopter.root), "--registry", adopter.images.registry.host, "--yes"
    )
    checked = adopter.check()
    assert (checked.status, checked.verdicts) == (0, {"api": "verified", "unsigned": "uncovered"})


def test_in_a_plain_folder(adopter: Adopter, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "api.yaml").write_text(adopter.images.pod("api"))
    ran = adopter.house.run(
        "init", str(folder), "--trusted-root", str(adopter.root), "--registry", adopter.images.registry.host, "--yes"
    )
    assert ran.status == 0, ran.err
    assert adopter.house.run("check", str(folder), "-f", "json").verdicts == {"api": "verified"}


# ── what it must never propose ───────────────────────────────────────────────────────────────────────────────────────────


def refused(adopter: Adopter, claimant: Claimant, *arguments: str, stack: Sigstore | None = None) -> str:
    """Init of a tree with one image that this claimant has signed; the rules' text, in which nobody signs."""
    images = adopter.images
    digest = images.push("odd")
    signed = (stack or images.sigstore).sign(digest, claimant, AT)
    push_signatures(images.registry, "acme/odd", digest, sig_layer(signed))
    adopter.house.commit({"odd.yaml": images.pod("odd")})
    ran = adopter.init("--yes", *arguments)
    assert ran.status == 0, ran.err
    rules = adopter.rules()
    assert "signers" not in rules
    assert rules["images"] == []
    assert adopter.check().verdicts == {"odd": "uncovered"}
    return (adopter.repo / "auditor.yaml").read_text()


def test_never_a_stranger_who_could_push(adopter: Adopter) -> None:
    text = refused(adopter, github("evil/odd"))
    assert "nothing here says that evil is yours" in text
    assert "\n  #   github: evil/odd\n" in text, "shown, for a person who knows better"


def test_a_person_may_say_whose_builds_are_theirs(adopter: Adopter) -> None:
    images = adopter.images
    images.legacy("odd", github("acme-corp/odd"))
    adopter.house.commit({"odd.yaml": images.pod("odd")})
    adopter.init("--yes", "--owner", "acme-corp")
    assert adopter.check().verdicts == {"odd": "verified"}


def test_the_remote_says_whose_repository_this_is(adopter: Adopter) -> None:
    adopter.images.legacy("odd", github("acme-corp/odd"))
    adopter.house.commit({"odd.yaml": adopter.images.pod("odd")})
    repositories.git(adopter.repo, "remote", "add", "origin", "https://u:hunter2@github.com/Acme-Corp/gitops.git")
    ran = adopter.init("--yes")
    assert adopter.check().verdicts == {"odd": "verified"}
    assert "hunter2" not in ran.out + ran.err
    assert (adopter.repo / ".github/workflows/auditor.yaml").is_file(), "the remote says the forge, too"


@pytest.mark.parametrize(
    "claimant",
    [
        github("acme/odd", ref="refs/pull/7/merge", event="pull_request"),
        github("acme/odd", event="pull_request_target"),
        github("acme/odd", ref="refs/pull/7/merge", event="push"),
        gitlab("acme/odd", ref="refs/merge-requests/3/head"),
    ],
    ids=["pull request", "target", "ref only", "merge request"],
)
def test_never_what_a_pull_request_built(adopter: Adopter, claimant: Claimant) -> None:
    refused(adopter, claimant)


def test_never_who_verifies_under_no_trusted_root(adopter: Adopter) -> None:
    text = refused(adopter, github("acme/odd"), stack=Sigstore("sigstore.evil.example"))
    assert "not valid under any trusted root" in text


@pytest.mark.parametrize("address", ["*@acme.example", "a\nb@acme.example"])
def test_never_an_identity_that_would_be_a_pattern_or_a_line_of_yaml(adopter: Adopter, address: str) -> None:
    refused(adopter, email(address), "--owner", "acme.example")


def test_never_who_signed_only_one_of_two_deployed_tags(adopter: Adopter) -> None:
    images = adopter.images
    images.legacy("two", github("acme/two"), tag="1.0")
    images.legacy("two", github("acme/two", "other.yaml"), tag="2.0")
    adopter.house.commit({"t.yaml": pod("a", images.ref("two")) + "---\n" + pod("b", images.ref("two", "2.0"))})
    adopter.init("--yes")
    assert adopter.rules()["images"] == []


def test_no_host_is_asked_because_a_line_names_it(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    before = len(adopter.images.registry.requests)
    ran = adopter.init("--yes", registry=False)
    assert ran.status == 3
    assert "--registry" in ran.err
    assert len(adopter.images.registry.requests) == before


def test_what_could_not_be_told_is_told(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": pod("gone", "127.0.0.1:1/acme/gone:1.0")})
    ran = adopter.house.run("init", ".", "--trusted-root", str(adopter.root), "--registry", "127.0.0.1:1", "--yes")
    assert ran.status == 3
    assert "could not be told" in ran.err
    assert "signers" not in adopter.rules()


def test_what_could_not_be_read_is_told(adopter: Adopter) -> None:
    adopter.house.commit(
        {"all.yaml": adopter.images.pod("api"), "bad.yaml": "kind: Pod\nspec: {containers: [{image: x\n"}
    )
    ran = adopter.init("--yes")
    assert (ran.status, "1 unparsable-file" in ran.err) == (3, True)


# ── other identities ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("claimant", "fields"),
    [
        (gitlab("acme/platform/odd", ref="refs/tags/1.2"), {"gitlab": "acme/platform/odd", "ref": "refs/tags/*"}),
        (github("acme/odd", ref="refs/heads/main"), {"github": "acme/odd", "ref": "refs/heads/main"}),
        (
            github("acme/odd", reusable="acme/shared/.github/workflows/build.yaml@refs/tags/v3"),
            {"github": "acme/odd", "workflow": "acme/shared/.github/workflows/build.yaml@refs/tags/v*"},
        ),
        (email("oncall@acme.example"), {"email": "oncall@acme.example", "issuer": "https://accounts.google.com"}),
    ],
    ids=["gitlab", "branch", "reusable", "mail"],
)
def test_identities_are_written_as_narrow_as_they_are(
    adopter: Adopter, claimant: Claimant, fields: dict[str, str]
) -> None:
    adopter.images.legacy("odd", claimant)
    adopter.house.commit({"odd.yaml": adopter.images.pod("odd")})
    adopter.init("--yes", "--owner", "acme.example")
    (signer,) = adopter.rules()["signers"].values()
    assert signer.items() >= fields.items()
    assert adopter.check().verdicts == {"odd": "verified"}


def test_of_several_roots_a_file_vouches_for_its_issuers_only(adopter: Adopter, tmp_path: Path) -> None:
    other = Sigstore("sigstore.lab.example")
    second = tmp_path / "lab.json"
    second.write_text(json.dumps(other.trusted_root()))
    third = tmp_path / "unused.json"
    third.write_text(json.dumps(Sigstore("sigstore.unused.example").trusted_root()))
    images = adopter.images
    digest = images.push("lab")
    signed = other.sign(digest, gitlab("acme/lab", issuer="https://gitlab.acme.example"), AT)
    push_signatures(images.registry, "acme/lab", digest, sig_layer(signed))
    adopter.house.commit({"all.yaml": images.pod("api", "lab")})
    ran = adopter.init("--yes", "--trusted-root", str(second), "--trusted-root", str(third))
    assert ran.status == 0, ran.err
    assert {root["name"]: root["issuers"] for root in adopter.rules()["trust"]} == {
        "trusted_root": ["https://token.actions.githubusercontent.com"],
        "lab": ["https://gitlab.acme.example"],
    }
    assert adopter.check().verdicts == {"api": "verified", "lab": "verified"}


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_written_through_a_symlink(adopter: Adopter, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    (adopter.repo / ".github").symlink_to(outside)
    ran = adopter.init("--yes", "--forge", "github")
    assert ran.status == 2
    assert list(outside.iterdir()) == []
    assert not (adopter.repo / "auditor.yaml").exists(), "all or nothing"


def test_a_file_where_a_folder_should_be_is_told(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api"), ".github": "a file"})
    ran = adopter.init("--yes", "--forge", "github")
    assert (ran.status, "cannot make" in ran.err) == (2, True)
    assert not (adopter.repo / "auditor.yaml").exists()


def test_the_signing_workflow(adopter: Adopter) -> None:
    ran = adopter.house.run("init", ".", "--signing-workflow", "--yes")
    assert ran.status == 0
    text = (adopter.repo / ".github/workflows/sign.yaml").read_text()
    workflow = YAML(typ="safe").load(text)
    assert set(workflow["on"]) == {"push"}, "never on pull requests"
    writers = [name for name, job in workflow["jobs"].items() if job["permissions"].get("id-token")]
    assert (workflow["permissions"], writers) == ({}, ["sign"])
    assert adopter.house.run("init", ".", "--signing-workflow", "--yes").err.startswith("there is a")


def test_the_rules_load_as_they_stand(adopter: Adopter) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api", "web")})
    adopter.init("--yes")
    files = {path: (adopter.repo / path).read_bytes() for path in ("auditor.yaml", "trust/trusted_root.json")}
    assert len(load_rules(files.get, None, today=AT.date()).signers) == 2


# ── at a terminal ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("yes", True), ("n", False), ("", False), ("yep", False)])
def test_a_person_is_asked(adopter: Adopter, answer: str, written: bool) -> None:
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})
    controller, terminal = pty.openpty()
    try:
        command = [sys.executable, "-m", "auditor", "init", ".", "--trusted-root", str(adopter.root)]
        process = subprocess.Popen(
            [*command, "--registry", adopter.images.registry.host],
            cwd=adopter.repo,
            env=adopter.house.process_environ(),
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=terminal,
        )
        os.write(controller, f"{answer}\n".encode())
        out, _ = process.communicate(timeout=60)
    finally:
        os.close(controller)
        os.close(terminal)
    assert process.returncode == 0
    assert b"+signers:" in out, "shown before anybody is asked"
    assert (adopter.repo / "auditor.yaml").exists() == written


def test_a_file_that_appears_meanwhile_is_left_alone(adopter: Adopter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the proposal and the answer somebody else writes the file."""
    adopter.house.commit({"all.yaml": adopter.images.pod("api")})

    def answer(_options: object) -> bool:
        (adopter.repo / "auditor.yaml").write_text("version: 1\n")
        return True

    monkeypatch.setattr("auditor.cli.init._agreed", answer)
    ran = adopter.init()
    assert ran.status == 2
    assert (adopter.repo / "auditor.yaml").read_text() == "version: 1\n"
    assert not (adopter.repo / "trust").exists() or not list((adopter.repo / "trust").iterdir()), "all or nothing"
