"""`auditor audit` of repositories that are elsewhere: what is read, and what is said of those that cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.git_servers import GitServer, served
from tests.support.repositories import ENVIRONMENT, commit, git, new

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: x, image: %s}]}\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 12\n" % ("0" * 64)


def audit(folder: Path, *arguments: str, **variables: str) -> tuple[int, str, dict[str, Any]]:
    """Status, what was printed, and the JSON report. Nobody is asked about images."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GIT", "CI", "GH_"))}
    places = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "XDG_STATE_HOME": str(folder / "state")}
    command = [
        sys.executable,
        "-m",
        "auditor",
        "audit",
        "--no-history",
        "--render",
        "never",
        "-f",
        f"json={folder}/out.json",
    ]
    done = subprocess.run(
        [*command, *arguments],
        env=inherited | ENVIRONMENT | places | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    out = folder / "out.json"
    report = json.loads(out.read_text()) if out.exists() else {}
    return done.returncode, done.stdout + done.stderr, report


def test_one_repository_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    work = new(tmp_path / "work")
    (tmp_path / "served").mkdir()
    commit(work, {"clusters/prod/a.yaml": POD % "127.0.0.1:1/acme/a:1", "clusters/dev/b.yaml": POINTER})
    with GitServer(tmp_path / "served") as server:
        served(server.root, work, "apps")
        new(server.root / "empty.git", "--bare")
        prod, nowhere = f"{server.address('apps.git')}#:clusters/prod", server.address("nothing.git")
        status, said, report = audit(
            tmp_path, prod, server.address("apps.git"), server.address("empty.git"), nowhere, f"{prod}uction"
        )
    assert status == 3, said
    found = {each["name"]: each for each in report["repositories"]}
    assert set(found) == {"apps", "apps:clusters/prod", "empty", "nothing", "apps:clusters/production"}
    assert found["apps"]["commit"] == git(work, "rev-parse", "HEAD")
    assert [name for name, each in sorted(found.items()) if each["failure"]] == ["apps:clusters/production", "nothing"]
    assert "is not there, or is not shown to us" in found["nothing"]["failure"]["why"]
    assert [image["repository"] for image in report["images"]] == ["apps", "apps:clusters/prod"]
    assert "LFS pointer" in json.dumps([each for each in report["skipped"] if each["repository"] == "apps"])


def test_a_password_in_an_address_is_used_and_shown_nowhere(tmp_path: Path) -> None:
    work = new(tmp_path / "work")
    commit(work, {"a.yaml": "x: 1\n"})
    (tmp_path / "served").mkdir()
    with GitServer(tmp_path / "served") as server:
        server.secret = "ci:s3cret"
        served(server.root, work, "apps")
        for right, wanted in (("s3cret", 0), ("wr0ng-s3cret", 3)):
            address = server.address("apps.git").replace("http://", f"http://ci:{right}@")
            status, said, report = audit(tmp_path, address)
            assert status == wanted, said
            assert "s3cret" not in said + json.dumps(report)
            assert "use a credential helper" in said + json.dumps(report)
    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"s3cret" in content for content in kept)


def test_mistakes_in_the_file_of_repositories_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text("repositories:\n- git://x/y\n- {url: https://h.example/x, reff: main}\n")
    status, said, _ = audit(tmp_path, "--repos", str(tmp_path / "repos.yaml"))
    assert status == 2
    assert "repos.yaml:2: nothing is fetched over git://" in said
    assert "repos.yaml:3: unknown key `reff`" in said
