"""Mirrors of remote repositories, against real git servers on loopback."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError, UsageError
from auditor.limits import DEFAULT
from auditor.source.addresses import Login
from auditor.source.mirror import EmptyRepository, Mirrors
from auditor.source.remote_faults import FetchStopped
from auditor.source.tree import Unreadable, expect
from tests.support.git_servers import GitServer, served
from tests.support.repositories import ENVIRONMENT, commit, git, new

FILES = {f"apps/a{n:02}.yaml": f"image: ghcr.io/acme/a{n}:1\n# {n * 7919}\n" for n in range(50)}
OTHERS = {f"src/{n:02}.py": f"print({n * 104729})\n" for n in range(50)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No configuration but the test's own."""
    for name, value in ENVIRONMENT.items():
        if "CONFIG" in name:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = new(tmp_path / "work")
    commit(folder, FILES | OTHERS)
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "served") as running:
        yield running


@pytest.fixture
def apps(server: GitServer, work: Path) -> Path:
    """The repository that most tests mirror: `apps.git`."""
    return served(server.root, work, "apps")


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(tmp_path / "mirrors")


def again(tmp_path: Path, **options: object) -> Mirrors:
    """Another run with the same folder."""
    return Mirrors(tmp_path / "mirrors", **options)  # type: ignore[arg-type] # options of the constructor


def push(work: Path, bare: Path, refspec: str = "HEAD:main") -> None:
    git(work, "push", "--quiet", "--force", str(bare), refspec)


def read_yaml(mirrors: Mirrors, address: str, ref: str | None = None) -> dict[str, bytes]:
    """All YAML files, as an audit reads them."""
    with mirrors.open(address, ref) as found:
        tree = found.repository.tree(found.commit)
        paths = [path for path in tree.entries() if path.endswith(".yaml")]
        expect(tree, paths)
        return {path: tree.read(path) for path in paths}


def objects(folder: Path) -> set[str]:
    """Kinds of all objects in the one mirror, with their counts, as `blob 50`."""
    (mirror,) = (path for path in (folder / "mirrors").iterdir() if path.is_dir())
    listed = git(mirror, "cat-file", "--batch-check=%(objecttype)", "--batch-all-objects").splitlines()
    return {f"{kind} {listed.count(kind)}" for kind in listed}


def test_only_the_files_that_are_read_are_fetched_and_all_at_once(
    server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path
) -> None:
    found = read_yaml(mirrors, server.address("apps.git"))
    assert found == {path: content.encode() for path, content in FILES.items()}
    assert objects(tmp_path) == {"commit 1", "tree 3", "blob 50"}
    assert server.counted.round_trips <= 6


def test_an_unchanged_repository_costs_no_files_and_a_changed_one_what_changed(
    server: GitServer, apps: Path, work: Path, mirrors: Mirrors, tmp_path: Path
) -> None:
    read_yaml(mirrors, server.address("apps.git"))
    first = server.counted.sent
    read_yaml(again(tmp_path), server.address("apps.git"))
    unchanged = server.counted.sent - first
    commit(work, {"apps/a07.yaml": "image: ghcr.io/acme/a7:2\n"})
    push(work, apps)
    found = read_yaml(again(tmp_path), server.address("apps.git"))
    assert found["apps/a07.yaml"] == b"image: ghcr.io/acme/a7:2\n"
    assert unchanged < first / 2
    assert objects(tmp_path) == {"commit 2", "tree 5", "blob 51"}


def test_a_file_that_nobody_expected_is_fetched_alone(server: GitServer, apps: Path, mirrors: Mirrors) -> None:
    with mirrors.open(server.address("apps.git")) as found:
        tree = found.repository.tree(found.commit)
        assert tree.read("src/07.py") == OTHERS["src/07.py"].encode()


def test_a_long_history_is_left_where_it_is(tmp_path: Path, mirrors: Mirrors) -> None:
    folder = new(tmp_path / "long")
    stream = "".join(
        f"commit refs/heads/main\ncommitter acme <ci@acme.example> {n} +0000\ndata 1\nx\n"
        f"M 100644 inline a.yaml\ndata {len(str(n))}\n{n}\n"
        for n in range(1, 3001)
    )
    subprocess.run(["git", "-C", str(folder), "fast-import", "--quiet"], input=stream.encode(), check=True)
    bare = served(tmp_path, folder, "bare")
    assert read_yaml(mirrors, f"file://{bare}", "main") == {"a.yaml": b"3000"}
    assert objects(tmp_path) == {"commit 1", "tree 1", "blob 1"}


def test_branches_tags_commits_and_full_names(server: GitServer, apps: Path, work: Path, mirrors: Mirrors) -> None:
    first = git(work, "rev-parse", "HEAD")
    git(work, "tag", "--annotate", "--message=x", "v1")
    second = commit(work, {"apps/a00.yaml": "second"})
    push(work, apps, "HEAD:refs/heads/release/2")
    push(work, apps, "v1")
    address = server.address("apps.git")
    for ref, wanted in {
        None: first,
        "main": first,
        "v1": first,
        "refs/tags/v1": first,
        first: first,
        "release/2": second,
        "refs/heads/release/2": second,
    }.items():
        with mirrors.open(address, ref) as found:
            assert found.commit == wanted
            assert found.repository.tree_id(wanted) == git(work, "rev-parse", f"{wanted}^{{tree}}")


def test_a_tag_does_not_stand_in_for_a_branch_of_its_name(
    server: GitServer, apps: Path, work: Path, mirrors: Mirrors
) -> None:
    commit(work, {"apps/a00.yaml": "other"})
    push(work, apps, "HEAD:refs/tags/main")
    with pytest.raises(SourceError, match="'main' is ambiguous: refs/heads/main, refs/tags/main"):
        mirrors.open(server.address("apps.git"), "main")


@pytest.mark.parametrize(
    "ref",
    [
        "-x",
        "--upload-pack=touch x",
        "a:b",
        "+a",
        "a b",
        "a\nb",
        "a..b",
        "HEAD~1",
        "@{-1}",
        "*",
        "x.lock",
        "/x",
        "",
        "^x",
    ],
)
def test_what_is_no_ref_reaches_no_command(mirrors: Mirrors, ref: str, apps: Path, server: GitServer) -> None:
    with pytest.raises(SourceError, match="is no name of a branch, tag or commit"):
        mirrors.open(server.address("apps.git"), ref)
    assert server.counted.requests == []


def test_a_ref_that_is_gone_is_no_older_commit(
    server: GitServer, apps: Path, work: Path, mirrors: Mirrors, tmp_path: Path
) -> None:
    push(work, apps, "HEAD:refs/heads/release")
    mirrors.open(server.address("apps.git"), "release").close()
    push(work, apps, ":refs/heads/release")
    for ref in ("release", "refs/heads/release", "0" * 40, "abc1234"):
        with pytest.raises(SourceError, match=f"has no '{ref}'"):
            again(tmp_path).open(server.address("apps.git"), ref)


def test_a_branch_that_was_forced_and_a_default_branch_that_moved(
    server: GitServer, apps: Path, work: Path, mirrors: Mirrors, tmp_path: Path
) -> None:
    address = server.address("apps.git")
    read_yaml(mirrors, address)
    git(work, "checkout", "--quiet", "--orphan", "fresh")
    forced = commit(work, {"apps/a00.yaml": "forced"})
    push(work, apps)
    with again(tmp_path).open(address) as found:
        assert found.commit == forced
        assert found.repository.tree(forced).read("apps/a00.yaml") == b"forced"
    trunk = commit(work, {"apps/a00.yaml": "trunk"})
    push(work, apps, "HEAD:refs/heads/trunk")
    git(apps, "symbolic-ref", "HEAD", "refs/heads/trunk")
    with again(tmp_path).open(address) as found:
        assert found.commit == trunk


def test_one_run_sees_one_commit(server: GitServer, apps: Path, work: Path, mirrors: Mirrors) -> None:
    with mirrors.open(server.address("apps.git")) as found:
        commit(work, {"apps/a00.yaml": "later"})
        push(work, apps)
        with mirrors.open(server.address("apps.git")) as other:
            assert other.commit == found.commit


def test_empty_repositories_and_missing_default_branches(server: GitServer, apps: Path, mirrors: Mirrors) -> None:
    git(apps, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    with pytest.raises(SourceError, match=r"the default branch of .* is not there") as raised:
        mirrors.open(server.address("apps.git"))
    assert not isinstance(raised.value, EmptyRepository)
    new(server.root / "empty.git", "--bare")
    with pytest.raises(EmptyRepository):
        mirrors.open(server.address("empty.git"))


def test_sha_256(tmp_path: Path, server: GitServer, mirrors: Mirrors) -> None:
    work = new(tmp_path / "w", "--object-format=sha256")
    name = commit(work, {"a.yaml": "x"})
    served(server.root, work, "long")
    for _ in range(2):
        with mirrors.open(server.address("long.git")) as found:
            assert (found.commit, found.repository.tree(name).read("a.yaml")) == (name, b"x")


def test_submodules_are_not_followed(tmp_path: Path, server: GitServer, mirrors: Mirrors) -> None:
    inner, work = new(tmp_path / "inner"), new(tmp_path / "outer")
    commit(inner, {"x": "1"})
    git(work, "submodule", "--quiet", "add", str(inner), "sub")
    commit(work, {"a.yaml": "x"})
    served(server.root, work, "outer")
    with mirrors.open(server.address("outer.git")) as found:
        tree = found.repository.tree(found.commit)
        expect(tree, list(tree.entries()))
        assert tree.read("a.yaml") == b"x"
        with pytest.raises(Unreadable, match="sub: a submodule"):
            tree.read("sub")


def test_a_server_of_old_gives_no_single_files(server: GitServer, apps: Path, work: Path, tmp_path: Path) -> None:
    server.version_2 = False
    address = server.address("apps.git")
    wanted = {path: content.encode() for path, content in FILES.items()}
    assert read_yaml(again(tmp_path), address) == wanted
    commit(work, {"apps/a07.yaml": "new"})
    push(work, apps)
    assert read_yaml(again(tmp_path), address) == wanted | {"apps/a07.yaml": b"new"}


def test_a_server_without_filters_gives_everything(server: GitServer, apps: Path, mirrors: Mirrors) -> None:
    git(apps, "config", "uploadpack.allowFilter", "false")
    assert len(read_yaml(mirrors, server.address("apps.git"))) == 50


def test_what_is_too_large_together_comes_in_parts_and_what_is_too_large_alone_stays_away(
    server: GitServer, tmp_path: Path
) -> None:
    work = new(tmp_path / "large")
    commit(work, FILES | {"huge.yaml": os.urandom(3_000_000), "b.yaml": "small"})
    served(server.root, work, "large")
    server.bytes_per_second = 4e6
    limits = replace(DEFAULT, fetch_bytes=400_000, file_bytes=200_000)
    with again(tmp_path, limits=limits).open(server.address("large.git")) as found:
        tree = found.repository.tree(found.commit)
        expect(tree, list(tree.entries()))
        assert tree.read("b.yaml") == b"small"
        with pytest.raises(Unreadable, match=r"huge\.yaml: (its content is not in this clone|3,000,000 bytes)"):
            tree.read("huge.yaml")


# ── who is asked, and who is not ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_login_goes_to_its_origin_and_is_in_no_message(server: GitServer, apps: Path, tmp_path: Path) -> None:
    server.secret = "ci:s3cret"
    address, login = server.address("apps.git"), Login("ci", "s3cret")
    origin = address.removesuffix("/apps.git")
    for logins in ({address: login}, {origin: login}):
        assert len(read_yaml(again(tmp_path, logins=logins), address)) == 50
    served(server.root, tmp_path / "work", "more")
    for logins in ({}, {"http://127.0.0.2": login}, {origin: Login("ci", "wr0ng")}):
        with pytest.raises(SourceError, match="credentials") as raised:
            again(tmp_path, logins=logins).open(server.address("more.git"))
        assert "s3cret" not in str(raised.value)
        assert "wr0ng" not in str(raised.value)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "mirrors").rglob("*") if path.is_file())
    assert b"s3cret" not in stored


def test_nobody_is_asked_for_a_password(
    server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker, program = tmp_path / "was-run", tmp_path / "ask"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nsleep 60\n")
    program.chmod(0o755)
    configuration = tmp_path / "config"
    configuration.write_text(f"[core]\n\taskPass = {program}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    server.secret = "ci:s3cret"
    started = time.monotonic()
    with pytest.raises(SourceError, match="asks for credentials"):
        mirrors.open(server.address("apps.git"))
    assert time.monotonic() - started < 50
    assert not marker.exists()


def test_a_helper_of_the_user_is_asked(
    server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = tmp_path / "config"
    configuration.write_text('[credential]\n\thelper = "!f() { echo username=ci; echo password=s3cret; }; f"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    server.secret = "ci:s3cret"
    mirrors.open(server.address("apps.git")).close()


def test_a_repository_that_was_renamed_on_its_host_is_found(server: GitServer, apps: Path, mirrors: Mirrors) -> None:
    server.moved["old.git"] = server.address("apps.git")
    assert len(read_yaml(mirrors, server.address("old.git"))) == 50


def test_no_redirect_leads_to_another_host(
    server: GitServer, apps: Path, work: Path, mirrors: Mirrors, tmp_path: Path
) -> None:
    with GitServer(tmp_path / "elsewhere") as other:
        served(other.root, work, "apps")
        for place in (other.address("apps.git"), "file:///etc", f"http://x@{server.host}/apps.git"):
            server.moved["old.git"] = place
            with pytest.raises(SourceError, match="redirects to another place"):
                mirrors.open(server.address("old.git"))
        assert other.counted.requests == []


def test_redirects_in_a_circle_end(server: GitServer, mirrors: Mirrors) -> None:
    server.moved["a.git"], server.moved["b.git"] = server.address("b.git"), server.address("a.git")
    with pytest.raises(SourceError, match="redirects without end"):
        mirrors.open(server.address("a.git"))


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c true",
        "git://acme.example/x",
        "http://acme.example/x",
        "ftp://acme.example/x",
        "fd::3",
        "https://-x/y",
    ],
)
def test_other_protocols_are_not_spoken(mirrors: Mirrors, address: str) -> None:
    with pytest.raises(UsageError):
        mirrors.open(address)


def test_a_configured_detour_to_another_protocol_is_refused(
    server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "was-run"
    configuration = tmp_path / "config"
    configuration.write_text(f'[url "ext::touch {marker} "]\n\tinsteadOf = http://\n[protocol]\n\tallow = always\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    with pytest.raises(SourceError, match="protocol that is not allowed"):
        mirrors.open(server.address("apps.git"))
    assert not marker.exists()


def test_nothing_that_the_remote_repository_configures_is_run(apps: Path, mirrors: Mirrors, tmp_path: Path) -> None:
    marker, program = tmp_path / "was-run", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "uploadpack.packObjectsHook", "core.gitProxy", "core.pager"):
        git(apps, "config", name, str(program))
    for hook in ("reference-transaction", "post-update", "pre-auto-gc", "fsmonitor-watchman"):
        (apps / "hooks" / hook).write_text(program.read_text())
        (apps / "hooks" / hook).chmod(0o755)
    assert len(read_yaml(mirrors, f"file://{apps}")) == 50
    assert not marker.exists()


def test_templates_of_the_user_bring_no_hooks_into_a_mirror(
    apps: Path, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "template" / "hooks" / "reference-transaction"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'was-run'}\n")
    hook.chmod(0o755)
    configuration = tmp_path / "config"
    configuration.write_text(f"[init]\n\ttemplateDir = {tmp_path / 'template'}\n[core]\n\thooksPath = {hook.parent}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    assert len(read_yaml(mirrors, f"file://{apps}")) == 50
    assert not (tmp_path / "was-run").exists()


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unreachable_ones_say_so(mirrors: Mirrors, server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there, or is not shown to us"):
        mirrors.open(server.address("nothing.git"))
    with pytest.raises(SourceError, match="is not there, or is not shown to us"):
        mirrors.open(f"file://{tmp_path}/nothing")
    with pytest.raises(SourceError, match="does not answer"):
        mirrors.open("https://127.0.0.1:1/acme/apps")
    with pytest.raises(SourceError, match=r"does not answer|ssh"):
        mirrors.open("ssh://git@127.0.0.1:1/acme/apps")


def test_a_server_that_hangs_is_left(server: GitServer, apps: Path, tmp_path: Path) -> None:
    server.hangs.set()
    started = time.monotonic()
    with pytest.raises(SourceError, match="no end after 1 seconds"):
        again(tmp_path, limits=replace(DEFAULT, fetch_seconds=1.0)).open(server.address("apps.git"))
    assert time.monotonic() - started < 45
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert server.host not in left


def test_a_commit_that_is_too_large_is_left(server: GitServer, tmp_path: Path) -> None:
    work = new(tmp_path / "large")
    commit(work, {"a.bin": os.urandom(4_000_000)})
    server.bytes_per_second = 4e6
    bare = served(server.root, work, "large", "uploadpack.allowFilter=false")
    assert bare.exists()
    with pytest.raises(SourceError, match="more than 200,000 bytes"):
        again(tmp_path, limits=replace(DEFAULT, fetch_bytes=200_000)).open(server.address("large.git"))
    size = sum(path.stat().st_size for path in (tmp_path / "mirrors").rglob("*") if path.is_file())
    again(tmp_path).open(server.address("large.git")).close()
    assert size < 4_000_000


def test_a_damaged_mirror_is_made_again(server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path) -> None:
    read_yaml(mirrors, server.address("apps.git"))
    (mirror,) = (path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())
    for spoil in (
        next(mirror.glob("objects/pack/*.idx")).unlink,
        lambda: (mirror / "HEAD").write_text("garbage"),
        (mirror / "shallow.lock").touch,
        lambda: (mirror / "config").write_text("[core"),
    ):
        spoil()
        assert len(read_yaml(again(tmp_path), server.address("apps.git"))) == 50


def test_a_server_that_fails_costs_no_mirror(server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path) -> None:
    address = server.address("apps.git")
    read_yaml(mirrors, address)
    kept = objects(tmp_path)
    (apps / "HEAD").rename(apps / "gone")
    with pytest.raises(SourceError):
        again(tmp_path).open(address)
    (apps / "gone").rename(apps / "HEAD")
    server.secret = "ci:s3cret"
    with pytest.raises(SourceError):
        again(tmp_path).open(address)
    assert objects(tmp_path) == kept


def test_a_mirror_that_somebody_fetches_is_waited_for(server: GitServer, apps: Path, tmp_path: Path) -> None:
    address = server.address("apps.git")
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(read_yaml(again(tmp_path), address)))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [50] * 6
    script = "import fcntl,sys,time; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); time.sleep(60)"
    (lock,) = (tmp_path / "mirrors").glob("*.lock")
    with subprocess.Popen([sys.executable, "-c", script, str(lock)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(SourceError, match="is being fetched by another process"):
            again(tmp_path, limits=replace(DEFAULT, fetch_seconds=0.3)).open(address)
        holder.kill()
    assert len(read_yaml(again(tmp_path), address)) == 50


def test_many_packs_become_one_unless_somebody_reads(server: GitServer, apps: Path, work: Path, tmp_path: Path) -> None:
    address, limits = server.address("apps.git"), replace(DEFAULT, mirror_packs=3)
    (tmp_path / "mirrors").mkdir(mode=0o700)

    def packs() -> int:
        return len(list((tmp_path / "mirrors").rglob("*.pack")))

    with again(tmp_path, limits=limits).open(address) as reader:
        for n in range(6):
            commit(work, {"apps/a07.yaml": str(n)})
            push(work, apps)
            read_yaml(again(tmp_path, limits=limits), address)
        assert packs() > 3
        assert reader.repository.tree(reader.commit).read("apps/a07.yaml") == FILES["apps/a07.yaml"].encode()
    assert read_yaml(again(tmp_path, limits=limits), address)["apps/a07.yaml"] == b"5"
    assert packs() <= 3
    assert read_yaml(again(tmp_path, limits=limits), address)["apps/a08.yaml"] == FILES["apps/a08.yaml"].encode()


def test_offline_reads_what_was_fetched(server: GitServer, apps: Path, mirrors: Mirrors, tmp_path: Path) -> None:
    address = server.address("apps.git")
    with pytest.raises(SourceError, match="was not fetched before"):
        again(tmp_path, offline=True).open(address)
    read_yaml(mirrors, address)
    mirrors.open(address, "main").close()
    asked = server.counted.round_trips
    for ref in (None, "main"):
        assert len(read_yaml(again(tmp_path, offline=True), address, ref)) == 50
    with again(tmp_path, offline=True).open(address) as found, pytest.raises(Unreadable, match="not in this clone"):
        found.repository.tree(found.commit).read("src/07.py")
    assert server.counted.round_trips == asked


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_folder_of_somebody_else_is_not_used(apps: Path, mirrors: Mirrors, tmp_path: Path) -> None:
    mirrors.open(f"file://{apps}").close()
    (mirror,) = (path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())
    os.chown(mirror, 12345, 12345)
    with pytest.raises(SourceError, match="belongs to another user"):
        again(tmp_path).open(f"file://{apps}")


def test_ssh_asks_nobody_and_has_no_terminal(
    apps: Path, mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, program = tmp_path / "ssh.log", tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
echo "$@" >> {log}
if (: < /dev/tty) 2> /dev/null; then echo terminal >> {log}; fi
for command; do :; done
exec sh -c "$(echo "$command" | sed 's|/acme/apps|{apps}|')"
"""
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    assert len(read_yaml(mirrors, "git@git.acme.example:/acme/apps")) == 50
    assert "-oBatchMode=yes" in log.read_text()
    assert "terminal" not in log.read_text()
    log.unlink()
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{program} -i key-of-the-user")
    assert len(read_yaml(again(tmp_path), "ssh://git@git.acme.example/acme/apps")) == 50
    assert "-i key-of-the-user" in log.read_text()


def test_fetches_end_when_they_are_stopped(server: GitServer, apps: Path, tmp_path: Path) -> None:
    """One that hangs, and one that comes later; the next run is not kept from it."""
    mirrors = again(tmp_path)
    server.hangs.set()
    timer = threading.Timer(1, mirrors.stop)
    timer.start()
    started = time.monotonic()
    with pytest.raises(FetchStopped, match="when the run had to end"):
        mirrors.open(server.address("apps.git"))
    assert time.monotonic() - started < 45
    server.hangs.clear()
    with pytest.raises(FetchStopped):
        mirrors.open(server.address("apps.git"))
    with again(tmp_path).open(server.address("apps.git")):
        pass
