"""`auditor pin` as its users meet it: signed images in a registry, a git repository, and `git apply`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from auditor import pinning
from fixtures.registry import Status
from tests.cli.house import House, Images, Ran, pod
from tests.support.repositories import git


def rules(images: Images, more: str = "") -> str:
    return (
        "version: 1\nsigners:\n  release: {github: acme/*}\nimages:\n"
        f"  - {{match: '{images.registry.host}/acme/**', signed-by: release}}\ntrust: [{{file: trust/root.json}}]\n{more}"
    )


@pytest.fixture
def pinner(house: House) -> House:
    house.base["auditor.yaml"] = rules(house.images)
    return house


def pin(house: House, *arguments: str) -> Ran:
    return house.run("pin", *arguments, "--render", "never").clean_of_tracebacks()


def text(house: House, path: str) -> str:
    return (house.repo / path).read_bytes().decode()


def pinned(house: House, name: str) -> str:
    return f"{house.images.ref(name)}@{house.images.digests[name]}"


def overlay(images: str) -> str:
    return f"resources: [../base]\n{images}"


def test_a_verified_image_is_pinned_and_every_other_byte_stays(pinner: House) -> None:
    before = f"# keep me\r\n{pod('api', chr(34) + pinner.images.ref('api') + chr(34))}".replace("api\n", "api \t# c\n")
    pinner.commit_base({"api.yaml": before, "web.yaml": pinner.images.pod("web")})
    done = pin(pinner)
    assert done.status == 0, done.err
    assert text(pinner, "api.yaml") == before.replace(pinner.images.ref("api"), pinned(pinner, "api"))
    assert text(pinner, "web.yaml") == pod("web", pinned(pinner, "web"))
    again = pin(pinner, "--force")
    assert (again.status, again.out) == (0, "")
    checked = pin(pinner, "--check")
    assert checked.status == 0
    assert "nothing to pin" in again.err
    assert "nothing to pin" in checked.err


def test_only_verified_images_are_pinned(pinner: House) -> None:
    pinner.commit_base({"api.yaml": pinner.images.pod("api", "unsigned", "wrong")})
    done = pin(pinner)
    assert done.status == 1
    after = text(pinner, "api.yaml")
    assert pinned(pinner, "api") in after
    assert pinned(pinner, "unsigned") not in after
    assert pinned(pinner, "wrong") not in after
    assert "not pinned: unsigned" in done.err
    assert "not pinned: wrong-signer" in done.err


def test_any_pins_what_no_rule_accepts_but_not_what_is_revoked(pinner: House) -> None:
    denied = f"deny:\n  - {{digest: '{pinner.images.digests['wrong']}', reason: stolen}}\n"
    files = {"auditor.yaml": rules(pinner.images, denied), "api.yaml": pinner.images.pod("unsigned", "wrong")}
    pinner.commit_base(files)
    done = pin(pinner, "--any")
    assert pinned(pinner, "unsigned") in text(pinner, "api.yaml")
    assert pinned(pinner, "wrong") not in text(pinner, "api.yaml")
    assert (done.status, "revoked" in done.err) == (1, True)


def test_a_registry_that_does_not_answer_pins_nothing_and_is_incomplete(pinner: House) -> None:
    pinner.commit_base()
    pinner.images.registry.faults.on("/v2/acme", Status(403))
    done = pin(pinner)
    assert done.status == 3, done.err
    assert text(pinner, "api.yaml") == pinner.images.pod("api")


def test_check_lists_what_is_not_pinned_and_asks_nobody(pinner: House) -> None:
    pinner.commit_base()
    before = len(pinner.images.registry.requests)
    done = pin(pinner, "--check")
    assert done.status == 1
    assert done.out == f"api.yaml:7: {pinner.images.ref('api')} not pinned\n"
    assert len(pinner.images.registry.requests) == before


def test_what_the_rules_ignore_is_left_alone(house: House) -> None:
    house.commit_base()  # its rules say `pinned: ignore`
    assert pin(house, "--check").status == 0
    assert pin(house).status == 0
    assert text(house, "api.yaml") == house.images.pod("api")


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("end", ["cut", "newline"])
def test_git_applies_what_dry_run_prints(pinner: House, newline: str, end: str) -> None:
    name = pinner.images.ref("api").rpartition(":")[0]
    content = newline.join(["resources: [../base]", "images:", f"- name: {name}", "  newTag: '1.0'"])
    content += newline if end == "newline" else ""
    files = {
        "base/kustomization.yaml": "resources: [pod.yaml]\n",
        "base/pod.yaml": pod("api", f"{name}:0.9"),
        "over lay/ü/kustomization.yaml": content.replace("../base", "../../base"),
        "api.yaml": pinner.images.pod("web"),
    }
    pinner.commit_base(files)
    shown = pinner.program("pin", "--dry-run", "--render", "never")
    assert shown.status == 0, shown.err
    assert git(pinner.repo, "status", "--porcelain") == ""
    raw = subprocess.run(
        ["git", "apply", "-"], cwd=pinner.repo, input=shown.out.encode(), capture_output=True, check=False
    )
    assert raw.returncode == 0, (raw.stderr, shown.out)
    applied = {path: text(pinner, path) for path in files}
    pinner.git("checkout", "--quiet", ".")
    assert pin(pinner).status == 0
    assert applied == {path: text(pinner, path) for path in files}
    assert f"newTag: '1.0@{pinner.images.digests['api']}'" in applied["over lay/ü/kustomization.yaml"]


# ── kustomize ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_base_of_two_overlays_is_pinned_once(pinner: House) -> None:
    files = {
        "base/kustomization.yaml": "resources: [pod.yaml]\n",
        "base/pod.yaml": pinner.images.pod("api"),
        "a/kustomization.yaml": overlay(""),
        "b/kustomization.yaml": overlay("namePrefix: b-\n"),
    }
    pinner.commit_base(files)
    assert pin(pinner).status == 0
    assert text(pinner, "base/pod.yaml") == pod("api", pinned(pinner, "api"))


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("", 'images:\n- name: {name}\n  newTag: "{tag}"\n'),
        ("images:\n  - name: other\n    newTag: x # c\n", '  - name: {name}\n    newTag: "{tag}"\n'),
        (
            "images:\n-   name: other\n    newTag: x\nnameSuffix: -s\n",
            '-   name: {name}\n    newTag: "{tag}"\nnameSuffix: -s\n',
        ),
        ("images: [{{name: other, newTag: x}}]\n", '[{{name: other, newTag: x}}, {{name: {name}, newTag: "{tag}"}}]\n'),
    ],
    ids=["none", "indented", "wide", "flow"],
)
def test_an_overlay_gets_an_entry_where_the_base_is_not_its_own(pinner: House, section: str, expected: str) -> None:
    files = {
        "base/kustomization.yaml": "resources: [pod.yaml]\n",
        "base/pod.yaml": pinner.images.pod("api"),
        "a/kustomization.yaml": overlay(section.format()),
        "b/kustomization.yaml": overlay(""),
    }
    pinner.commit_base(files)
    done = pin(pinner, "a")
    assert text(pinner, "base/pod.yaml") == files["base/pod.yaml"], done.err
    name, _, tag = pinner.images.ref("api").rpartition(":")
    tag = f"{tag}@{pinner.images.digests['api']}"
    assert expected.format(name=name, tag=tag) in text(pinner, "a/kustomization.yaml")
    assert text(pinner, "b/kustomization.yaml") == overlay("")


# ── what writes what is there ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_modified_file_is_refused_without_force(pinner: House) -> None:
    pinner.commit_base({"web.yaml": pinner.images.pod("web")})
    modified = pinner.images.pod("api") + "# mine\n"
    (pinner.repo / "api.yaml").write_text(modified)
    done = pin(pinner)
    assert done.status == 2
    assert "api.yaml: modified" in done.err
    assert text(pinner, "api.yaml") == modified
    assert text(pinner, "web.yaml") == pinner.images.pod("web")
    assert pin(pinner, "--force").status == 0
    assert text(pinner, "api.yaml") == pod("api", pinned(pinner, "api")) + "# mine\n"


def test_a_read_only_file_is_told_and_nothing_is_written(pinner: House) -> None:
    pinner.commit_base({"web.yaml": pinner.images.pod("web")})
    (pinner.repo / "web.yaml").chmod(0o444)
    done = pin(pinner)
    assert (done.status, "read-only" in done.err) == (2, True)
    assert text(pinner, "api.yaml") == pinner.images.pod("api")
    assert text(pinner, "web.yaml") == pinner.images.pod("web")
    assert not [file for file in pinner.repo.iterdir() if file.name.startswith(".auditor-")]


def test_a_file_that_changes_during_the_run_is_left_alone(pinner: House, monkeypatch: pytest.MonkeyPatch) -> None:
    pinner.commit_base({"web.yaml": pinner.images.pod("web")})
    planned = pinning.pin
    mine = "# written by somebody while the registry was asked\n" + pinner.images.pod("api")

    def slow(*arguments: Any, **options: Any) -> pinning.Pinning:
        made = planned(*arguments, **options)
        (pinner.repo / "api.yaml").write_text(mine)
        return made

    monkeypatch.setattr(pinning, "pin", slow)
    done = pin(pinner, "--force")
    assert (done.status, "changed meanwhile" in done.err) == (2, True)
    assert text(pinner, "api.yaml") == mine
    assert text(pinner, "web.yaml") == pinner.images.pod("web")


def test_check_is_incomplete_where_something_cannot_be_read(pinner: House) -> None:
    pinner.commit_base({"api.yaml": pod("api", pinned(pinner, "api")), "t.yaml": pod("t", "ghcr.io/acme/t:${TAG}")})
    done = pin(pinner, "--check")
    assert done.status == 3
    assert "t.yaml:7: could not be read for images" in done.err


def test_modes_stay(pinner: House) -> None:
    pinner.commit_base()
    (pinner.repo / "api.yaml").chmod(0o640)
    assert pin(pinner, "--force").status == 0
    assert (pinner.repo / "api.yaml").stat().st_mode & 0o777 == 0o640


def test_a_symlink_is_not_followed_out_of_the_tree(pinner: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text(pinner.images.pod("api"))
    pinner.commit_base()
    (pinner.repo / "link.yaml").symlink_to(outside)
    pin(pinner)
    assert outside.read_text() == pinner.images.pod("api")
    assert (pinner.repo / "link.yaml").is_symlink()


def test_a_plain_folder_will_do(pinner: House, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    (folder / "trust").mkdir(parents=True)
    for path, content in pinner.base.items():
        (folder / path).write_text(str(content))
    done = pin(pinner, str(folder))
    assert done.status == 0, done.err
    assert (folder / "api.yaml").read_text() == pod("api", pinned(pinner, "api"))
