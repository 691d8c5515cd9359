"""Bad input of an audit, one row each: what happens, and that the other repository is judged and the history is whole.

`docs/reference/audit-bad-input.md` has the table; `AUDITOR_UPDATE_GOLDEN=1` writes its rows anew.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from auditor.history.steps import STEPS
from fixtures.registry import Hang
from tests.cli.test_audit import Estate, estate  # noqa: F401 - a fixture
from tests.support import repositories
from tests.support.git_servers import GitServer, served
from tests.support.hostile_git import HostileGit
from tests.support.waiting import until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "audit-bad-input.md"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
WITHOUT_END = "exec /bin/sleep 600"
"""What hangs and leaves the processor to other tests; programs that keep it busy are in the tests of the sandbox and of helm."""
RUN = f"{shlex.quote(sys.executable)} -m auditor"


@dataclass
class Scene:
    """One audit: a good repository, whatever is bad beside it, and how the program is started."""

    estate: Estate
    stack: ExitStack
    server: GitServer
    targets: list[str] = field(default_factory=lambda: ["good"])
    options: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    before: str = ""
    """Shell in front of the program."""
    meanwhile: Callable[[subprocess.Popen[str]], None] = lambda _: None
    after: Callable[[], None] = lambda: None
    """What else must hold in the end."""
    is_first: bool = True
    """Whether the history is as the program left it before: then the good repository must be in it."""

    @property
    def canary(self) -> Path:
        """What programs of others would make."""
        return self.estate.folder / "canary"

    def bad(self, files: Mapping[str, bytes | str] | None = None) -> Path:
        """A repository `bad` that deploys the image that is signed."""
        self.targets.append("bad")
        return self.estate.own("bad", "api", more=files)

    def bad_again(self, name: str) -> None:
        """A copy of the bad one."""
        copy = self.estate.folder / name
        repositories.git(self.estate.folder, "clone", "--quiet", "bad", str(copy))
        self.targets.append(name)

    def elsewhere(self, files: Mapping[str, bytes | str] | None = None) -> Path:
        """The same on a server; the bare repository."""
        work = self.estate.own("bad", "api", more=files)
        self.targets.append(self.server.address("bad.git"))
        return served(self.server.root, work, "bad")

    def night(self) -> dict[str, Any]:
        """The audit before: nothing is wrong yet."""
        status, report, said = self.run()
        assert status in {0, 3}, said
        return report

    def run(self) -> tuple[int, dict[str, Any], str]:
        """Status, report ({} where there is none), standard error."""
        out = self.estate.folder / "out.json"
        out.unlink(missing_ok=True)
        told = [*self.targets, "--history", str(self.estate.history), "-q", "-f", "json=out.json", *self.options]
        command = f"{self.before} exec {RUN} audit {shlex.join(told)}"
        with subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.estate.folder,
            env=self.estate.house.process_environ() | self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            self.meanwhile(process)
            _, said = process.communicate(timeout=150)
        return process.returncode, json.loads(out.read_text("utf-8")) if out.exists() else {}, said


def script(scene: Scene) -> str:
    """A program that must not be run."""
    path = scene.estate.folder / "trap.sh"
    path.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(scene.canary))}\ncat\n")
    path.chmod(0o755)
    return str(path)


# ── repositories ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def unreachable(scene: Scene) -> None:
    scene.targets.append("http://127.0.0.1:1/acme/bad.git")


def not_there(scene: Scene) -> None:
    scene.targets.append("nowhere")


def force_pushed(scene: Scene) -> None:
    bare = scene.elsewhere()
    scene.night()
    work = scene.estate.folder / "bad"
    repositories.git(work, "checkout", "--quiet", "--orphan", "other")
    repositories.commit(work, {"pods.yaml": scene.estate.house.images.pod("unsigned")})
    repositories.git(work, "push", "--quiet", "--force", str(bare), "other:main")
    repositories.git(bare, "reflog", "expire", "--expire=now", "--all")
    repositories.git(bare, "gc", "--quiet", "--prune=now")


def huge_history(scene: Scene) -> None:
    """Twenty thousand commits, of which one comes."""
    bare = scene.elsewhere()
    tip = repositories.git(bare, "rev-parse", "main")
    tree = repositories.git(bare, "rev-parse", "main^{tree}")
    who = "acme <ci@acme.example> 1767225600 +0000"
    one = f"commit refs/heads/main\ncommitter {who}\ndata 1\nx\n"
    first = f"{one}from {tip}\nM 040000 {tree} \n"
    stream = first + f"{one}M 040000 {tree} \n" * 20_000
    subprocess.run(["git", "fast-import", "--quiet"], cwd=bare, input=stream, text=True, check=True)

    def after() -> None:
        (mirror,) = (scene.estate.house.home / ".cache" / "auditor" / "mirrors").glob("*/HEAD")
        assert repositories.git(mirror.parent, "rev-list", "--all", "--count") == "1"
        assert repositories.git(bare, "rev-list", "--all", "--count") == "20002"

    scene.after = after


def lfs(scene: Scene) -> None:
    scene.bad({"large.yaml": POINTER, ".gitattributes": "large.yaml filter=lfs\n"})


def submodule(scene: Scene) -> None:
    work = scene.bad()
    repositories.git(work, "submodule", "--quiet", "add", str(scene.estate.folder / "good"), "apps")
    repositories.commit(work)


def submodule_that_runs(scene: Scene) -> None:
    """`ext::` as the address of a submodule: git would run it."""
    modules = (
        f'[submodule "x"]\n\tpath = x\n\turl = "ext::sh -c touch% {scene.canary}"\n\tupdate = !touch {scene.canary}\n'
    )
    scene.bad({".gitmodules": modules})


def hooks_and_filters(scene: Scene) -> None:
    """Whatever a repository's own configuration lets git run."""
    trap = script(scene)
    work = scene.bad({".gitattributes": "*.yaml filter=trap diff=trap merge=trap\n"})
    for name in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
        (work / ".git" / "hooks").mkdir(exist_ok=True)
        (work / ".git" / "hooks" / name).symlink_to(trap)
    for key in (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.askPass", "core.editor", "core.alternateRefsCommand",
        "filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "diff.external", "diff.trap.command",
        "diff.trap.textconv", "uploadpack.packObjectsHook", "credential.helper", "gpg.program", "alias.cat-file",
        "merge.trap.driver", "interactive.diffFilter",
    ):  # fmt: skip
        repositories.git(work, "config", key, trap if key != "alias.cat-file" else f"!{trap}")
    repositories.git(work, "config", "core.hooksPath", str(work / ".git" / "hooks"))
    repositories.git(work, "config", "extensions.partialClone", "origin")
    repositories.git(work, "config", "remote.origin.url", f"ext::{trap}")
    repositories.git(work, "config", "protocol.ext.allow", "always")


def served_hooks(scene: Scene) -> None:
    """The same in a bare repository that is read as `file://`, whose own upload-pack runs here."""
    trap = script(scene)
    work = scene.estate.own("bad", "api")
    bare = served(scene.server.root, work, "bad", f"uploadpack.packObjectsHook={trap}", f"core.fsmonitor={trap}")
    (bare / "hooks").mkdir(exist_ok=True)
    (bare / "hooks" / "reference-transaction").symlink_to(trap)
    scene.targets.append(f"file://{bare}")


def program_as_address(scene: Scene) -> None:
    scene.targets.append(f"ext::sh -c 'touch {scene.canary}'")


def program_by_detour(scene: Scene) -> None:
    """The user's own `insteadOf` leads there."""
    config = scene.estate.folder / "gitconfig"
    config.write_text(f'[url "ext::sh -c touch% {scene.canary}% #"]\n\tinsteadOf = https://git.acme.example/\n')
    scene.environ["GIT_CONFIG_GLOBAL"] = str(config)
    scene.targets.append("https://git.acme.example/bad.git")


def password(scene: Scene) -> None:
    """A server that wants one, and programs that would ask somebody for it."""
    trap = script(scene)
    scene.server.secret = "ci:s3cret"
    scene.environ |= {"GIT_ASKPASS": trap, "SSH_ASKPASS": trap, "DISPLAY": ":0", "GIT_TERMINAL_PROMPT": "1"}
    scene.elsewhere()


def submodule_of_this_machine(scene: Scene) -> None:
    work = scene.bad({".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = file:///etc\n'})
    head = repositories.git(work, "rev-parse", "HEAD")
    repositories.git(work, "update-index", "--add", "--cacheinfo", f"160000,{head},x")
    repositories.git(work, "commit", "--quiet", "--message", "a link")


def without_a_commit(scene: Scene) -> None:
    repositories.new(scene.estate.folder / "bad")
    scene.targets.append("bad")


def without_its_branch(scene: Scene) -> None:
    repositories.git(scene.bad(), "symbolic-ref", "HEAD", "refs/heads/gone")


def damaged_repository(scene: Scene) -> None:
    """Then it is no plain folder either: what lies there may be anything."""
    (scene.bad() / ".git" / "HEAD").write_text("hello\n")


def lost(work: Path, what: str) -> Path:
    """Where an object was that is gone."""
    name = repositories.git(work, "rev-parse", what)
    place = work / ".git" / "objects" / name[:2] / name[2:]
    place.rename(place.with_suffix(".lost"))
    return place


def tree_is_missing(scene: Scene) -> None:
    lost(scene.bad(), "HEAD^{tree}")


def file_is_missing(scene: Scene) -> None:
    """And once it is there again, the same tree is read again."""
    place = lost(scene.bad(), "HEAD:pods.yaml")

    def after() -> None:
        place.with_suffix(".lost").rename(place)
        status, report, said = scene.run()
        assert (status, report["skipped"]) == (0, []), said
        assert len(report["images"]) == 2

    scene.after = after


def rules_are_missing(scene: Scene) -> None:
    lost(scene.bad(), "HEAD:trust/root.json")


def pipes(*places: str) -> Callable[[Scene], None]:
    """Git opens what lies there, and waits for somebody who writes."""

    def prepare(scene: Scene) -> None:
        work = scene.bad()
        for place in places:
            path = lost(work, place) if ":" in place else work / ".git" / place
            path.unlink(missing_ok=True)
            os.mkfifo(path)
        scene.options += ["--max-time", "16s"]

    return prepare


def included_pipe(scene: Scene) -> None:
    pipes("pipe")(scene)
    config = scene.estate.folder / "bad" / ".git" / "config"
    config.write_text(f"{config.read_text()}[include]\n\tpath = {config.parent}/pipe\n")


def shallow(scene: Scene) -> None:
    whole_one = scene.estate.own("whole", "api")
    repositories.commit(whole_one, {"more": "x"})
    repositories.git(scene.estate.folder, "clone", "--quiet", "--depth=1", f"file://{whole_one}", "bad")
    scene.targets.append("bad")


def borrowed_objects(scene: Scene) -> None:
    scene.estate.own("lender", "api")
    repositories.git(scene.estate.folder, "clone", "--quiet", "--shared", "lender", "bad")
    scene.targets.append("bad")


def packed_and_bare(scene: Scene) -> None:
    scene.estate.own("whole", "api")
    repositories.git(scene.estate.folder, "clone", "--quiet", "--bare", "whole", "bad")
    repositories.git(scene.estate.folder / "bad", "pack-refs", "--all")
    scene.targets.append("bad")


def other_hash(scene: Scene) -> None:
    work = repositories.new(scene.estate.folder / "bad", "--object-format=sha256")
    kept = {key: scene.estate.house.base[key] for key in ("auditor.yaml", "trust/root.json")}
    repositories.commit(work, kept | {"pods.yaml": scene.estate.house.images.pod("api")})
    scene.targets.append("bad")


def misleading_names(scene: Scene) -> None:
    """A branch and a tag `HEAD`, and a branch `-x`, all at a commit that deploys less."""
    work = scene.bad()
    for ref in ("refs/heads/HEAD", "refs/tags/HEAD", "refs/heads/-x"):
        repositories.git(work, "update-ref", ref, "HEAD")
    repositories.commit(work, {"more.yaml": scene.estate.house.images.pod("unsigned")})


def replaced_objects(scene: Scene) -> None:
    """`refs/replace` shows a file that deploys less."""
    work = scene.bad({"more.yaml": scene.estate.house.images.pod("unsigned")})
    names = [repositories.git(work, "rev-parse", f"HEAD:{name}") for name in ("more.yaml", "pods.yaml")]
    repositories.git(work, "replace", *names)


def name_in_latin_1(scene: Scene) -> None:
    name = os.fsdecode(b"caf\xe9")
    scene.estate.own(name, "api")
    scene.targets.append(name)


def long_name(scene: Scene) -> None:
    """A commit may hold names that no disk takes."""
    work = scene.bad({"kustomization.yaml": "resources: [pods.yaml]\n"})
    blob = repositories.git(work, "rev-parse", "HEAD:pods.yaml")
    name = f"{'x' * 300}.yaml"
    kustomization = work / "kustomization.yaml"
    kustomization.write_text(f"resources: [pods.yaml, {name}]\n")
    repositories.git(work, "add", "kustomization.yaml")
    repositories.git(work, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}")
    repositories.git(work, "commit", "--quiet", "--message", "a long name")
    programs = scene.estate.folder / "bin"
    programs.mkdir()
    (programs / "kustomize").write_text("#!/bin/sh\necho v5.8.1\n")
    (programs / "kustomize").chmod(0o755)
    scene.environ["PATH"] = f"{programs}:{os.environ['PATH']}"


def named_often(scene: Scene) -> None:
    scene.bad()
    scene.targets += ["./bad", "bad/", str(scene.estate.folder / "bad")]


def file_of_windows(scene: Scene) -> None:
    scene.bad()
    scene.targets.remove("bad")
    (scene.estate.folder / "repos.txt").write_bytes(b"\xef\xbb\xbf# ours\r\n\tbad\t\r\n\r\n")
    scene.options += ["--repos", "repos.txt"]


def yaml_file_of_windows(scene: Scene) -> None:
    file_of_windows(scene)
    (scene.estate.folder / "repos.txt").write_bytes(b"\xef\xbb\xbfrepositories:\r\n- bad\r\n")


# ── servers ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def hostile(kind: str) -> Callable[[Scene], None]:
    def prepare(scene: Scene) -> None:
        scene.targets.append(scene.stack.enter_context(HostileGit(kind)).url)

    return prepare


def redirected(scene: Scene) -> None:
    """To where clouds keep the credentials of a machine."""
    scene.elsewhere()
    scene.server.moved["bad.git"] = "http://169.254.169.254/latest/meta-data"


def drip(scene: Scene) -> None:
    hostile("drip")(scene)
    scene.options += ["--max-time", "16s"]


def hanging_server(scene: Scene) -> None:
    scene.elsewhere()
    scene.server.hangs.set()
    scene.options += ["--max-time", "16s"]


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def hanging_registry(scene: Scene) -> None:
    scene.estate.own("bad", "web")
    scene.targets.append("bad")
    scene.estate.house.images.registry.faults.on(r"/acme/web/", Hang(120))
    scene.options += ["--max-time", "16s"]


def hanging_renderer(scene: Scene) -> None:
    folder = scene.estate.folder / "bin"
    folder.mkdir()
    (folder / "kustomize").write_text(f'#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\n{WITHOUT_END}\n')
    (folder / "kustomize").chmod(0o755)
    scene.bad({"kustomization.yaml": "resources: [pods.yaml]\n"})
    scene.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def hanging_renderer_of_a_short_run(scene: Scene) -> None:
    """One tree takes a part of the run, and what was not rendered in it is read anew the next time."""
    hanging_renderer(scene)
    scene.options += ["--max-time", "16s"]
    kustomize = scene.estate.folder / "bin" / "kustomize"

    def after() -> None:
        pods = scene.estate.folder / "bad" / "pods.yaml"
        kustomize.write_text(
            f'#!/bin/sh\n[ "$1" = version ] && echo v5.8.1 && exit\nexec /bin/cat {shlex.quote(str(pods))}\n'
        )
        _, report, said = scene.run()
        assert report["skipped"] == [], said

    scene.after = after


def hanging_version(scene: Scene) -> None:
    """A program that does not even say which one it is: it is asked once for all trees, and waited for a part of the run."""
    hanging_renderer_of_a_short_run(scene)
    scene.after = lambda: None
    kustomize = scene.estate.folder / "bin" / "kustomize"
    kustomize.write_text(f"#!/bin/sh\n{WITHOUT_END}\n")
    scene.bad_again("worse")


ENDLESS = """\
package auditor

import rego.v1

numbers_of_it := numbers.range(1, 3000)

deny contains "never" if {
    some x in numbers_of_it
    count([y | some y in numbers_of_it; count([z | some z in numbers_of_it; z < x]) < 0]) > 0
}
"""


def judged_without_end(scene: Scene) -> Mapping[str, str]:
    rules = scene.estate.house.images.rules("policies: [policies/*.rego]\n")
    return {"auditor.yaml": rules, "policies/endless.rego": ENDLESS}


def hanging_judge(scene: Scene) -> None:
    """A policy of the repository that is evaluated without end."""
    scene.bad(judged_without_end(scene))


def hanging_judges(scene: Scene) -> None:
    """Each would take some seconds, up to ten, beyond the end of the run; how many are judged differs."""
    scene.options += ["--max-time", "30s"]
    for number in range(1, 9):
        scene.estate.own(f"slow-{number}", "api", more=judged_without_end(scene))
        scene.targets.append(f"slow-{number}")


def hanging_reader(scene: Scene) -> None:
    """A report goes into a pipe that nobody opens."""
    os.mkfifo(scene.estate.folder / "pipe")
    scene.options += ["-f", "csv=pipe"]


def terminated(scene: Scene) -> None:
    registry = scene.estate.house.images.registry
    scene.estate.own("bad", "web")
    scene.targets.append("bad")
    registry.faults.on(r"/acme/web/", Hang(120))
    registry.forget()

    def meanwhile(process: subprocess.Popen[str]) -> None:
        until(lambda: any("/acme/web/" in each for each in registry.asked()))
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        told.append(time.monotonic())

    def after() -> None:
        assert time.monotonic() - told[0] < 40, "what is under way is not waited for"

    told: list[float] = []
    scene.meanwhile, scene.after = meanwhile, after


def clock_went_back(scene: Scene) -> None:
    """The last run was tomorrow."""
    scene.bad()
    scene.night()
    with closing(sqlite3.connect(scene.estate.history)) as history, history:
        history.execute("UPDATE runs SET started = replace(started, '20', '21')")


# ── this machine ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def full_disk(scene: Scene) -> None:
    """No file may become larger than the history is."""
    scene.bad({f"more-{number}.yaml": scene.estate.house.images.pod("api", "web", "worker") for number in range(60)})
    scene.targets.remove("bad")
    scene.night()
    scene.targets.append("bad")
    blocks = (scene.estate.history.stat().st_size + 511) // 512
    scene.before = f"trap '' XFSZ; ulimit -f {blocks + 4};"


def full_output(scene: Scene) -> None:
    scene.options += ["-f", "csv=/dev/full"]


def corrupt_history(scene: Scene) -> None:
    scene.night()
    content = bytearray(scene.estate.history.read_bytes())
    content[4096:] = b"\x55" * (len(content) - 4096)
    scene.estate.history.write_bytes(content)
    scene.is_first = False


def newer_history(scene: Scene) -> None:
    scene.night()
    with closing(sqlite3.connect(scene.estate.history)) as history, history:
        history.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    scene.is_first = False


def no_history(scene: Scene) -> None:
    scene.estate.history.write_text("version: 1\n")
    scene.is_first = False


def history_is_a_folder(scene: Scene) -> None:
    scene.estate.history.mkdir()
    scene.stack.callback(scene.estate.history.rmdir)


def history_is_a_pipe(scene: Scene) -> None:
    os.mkfifo(scene.estate.history)
    scene.stack.callback(scene.estate.history.unlink)


def history_of_another_program(scene: Scene) -> None:
    """One that knows nothing of our lock writes in it."""
    scene.night()
    script = (
        "import sqlite3, sys\nheld = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "held.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\nsys.stdin.read()\nheld.rollback()\n"
    )
    command = [sys.executable, "-c", script, str(scene.estate.history)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    scene.after = lambda: (other.communicate("", timeout=30), None)[1]


def report_over_the_history(scene: Scene) -> None:
    scene.night()
    link = scene.estate.folder / "link.csv"
    link.symlink_to(scene.estate.history)
    scene.options += ["-f", f"csv={link}"]
    scene.is_first = False


def cache_is_a_file(scene: Scene) -> None:
    (scene.estate.house.home / ".cache").mkdir(exist_ok=True)
    (scene.estate.house.home / ".cache" / "auditor").write_text("x")
    scene.elsewhere()


def two_at_once(scene: Scene) -> None:
    """While one waits for a registry that hangs."""
    registry = scene.estate.house.images.registry
    scene.night()
    scene.estate.own("slow", "web")
    registry.faults.on(r"/acme/web/", Hang(120))
    registry.forget()
    command = [sys.executable, "-m", "auditor", "audit", "slow", "--history", str(scene.estate.history), "-q"]
    other = subprocess.Popen(command, cwd=scene.estate.folder, env=scene.estate.house.process_environ())
    scene.stack.callback(other.wait, 30)
    scene.stack.callback(other.kill)
    until(lambda: any("/acme/web/" in each for each in registry.asked()))


CASES: Mapping[str, Callable[[Scene], None]] = {
    "a server that nobody reaches": unreachable,
    "a folder that is not there": not_there,
    "a branch that was force-pushed since": force_pushed,
    "twenty thousand commits": huge_history,
    "a pointer of Git LFS": lfs,
    "a submodule": submodule,
    "a submodule whose address runs a program": submodule_that_runs,
    "a submodule at `file:///etc`": submodule_of_this_machine,
    "a repository without a commit": without_a_commit,
    "a HEAD whose branch is not there": without_its_branch,
    "a `.git` that is damaged": damaged_repository,
    "a commit whose tree is missing": tree_is_missing,
    "a commit one of whose files is missing": file_is_missing,
    "a commit whose rules are missing": rules_are_missing,
    "a pipe in place of git's HEAD, with `--max-time`": pipes("HEAD"),
    "a pipe in place of a branch, with `--max-time`": pipes("refs/heads/main"),
    "a pipe in place of a file's object, with `--max-time`": pipes("HEAD:pods.yaml"),
    "a pipe that a repository's configuration includes, with `--max-time`": included_pipe,
    "a shallow clone": shallow,
    "a clone that borrows its objects (alternates)": borrowed_objects,
    "a bare repository with nothing but packed references": packed_and_bare,
    "a repository of the other object format (SHA-256)": other_hash,
    "branches and tags named `HEAD` and `-x`": misleading_names,
    "objects that others replace (`refs/replace`)": replaced_objects,
    "a folder whose name is no UTF-8": name_in_latin_1,
    "a file whose name no disk takes": long_name,
    "one repository named four times": named_often,
    "a file of repositories with a byte order mark, tabs and the line ends of Windows": file_of_windows,
    "the same in YAML": yaml_file_of_windows,
    "hooks, filters, external diff, fsmonitor, helpers in a repository's configuration": hooks_and_filters,
    "hooks in a bare repository, read as `file://`": served_hooks,
    "`ext::` as an address": program_as_address,
    "`ext::` by `insteadOf`": program_by_detour,
    "a server that asks for a password": password,
    "a server that redirects to link-local": redirected,
    "a server that sends a byte now and then, with `--max-time`": drip,
    "a server that hangs, with `--max-time`": hanging_server,
    "a server of the dumb protocol": hostile("dumb"),
    "a web server that is none of git's": hostile("garbage"),
    "a server that tells of progress without end": hostile("progress"),
    "a registry that hangs, with `--max-time`": hanging_registry,
    "a renderer that hangs": hanging_renderer,
    "a renderer that hangs, with `--max-time`": hanging_renderer_of_a_short_run,
    "a renderer that hangs when it is asked for its version, with `--max-time`": hanging_version,
    "a policy in Rego that does not end": hanging_judge,
    "policies in Rego that do not end, with `--max-time`": hanging_judges,
    "a pipe for a report that nobody reads": hanging_reader,
    "SIGTERM while a registry hangs": terminated,
    "a clock that went back a hundred years": clock_went_back,
    "a disk that is full while the history is written": full_disk,
    "a disk that is full where a report goes": full_output,
    "a history that is damaged": corrupt_history,
    "a history of a newer version": newer_history,
    "a history that is none": no_history,
    "a history that is a folder": history_is_a_folder,
    "a history that is a pipe": history_is_a_pipe,
    "a history in which another program writes": history_of_another_program,
    "a report that would take the place of the history": report_over_the_history,
    "a cache folder that is a file": cache_is_a_file,
    "a second audit at the same time": two_at_once,
}


@pytest.fixture
def scene(estate: Estate) -> Iterator[Scene]:  # noqa: F811 - as above
    estate.own("good", "api")
    served_at = estate.folder / "served"
    served_at.mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(GitServer(served_at))
        yield Scene(estate, stack, server)
        estate.house.images.registry.faults.off()


def happened(scene: Scene, status: int, report: dict[str, Any], said: str) -> str:
    """What is told of the bad one, without what is another each time."""
    told = []
    for each in report.get("repositories", ()):
        if each["name"] != "good":
            failure = each["failure"]
            told.append(f"{failure['stage']}: {failure['why']}" if failure else f"judged, exit {each['exit']}")
    told += sorted({f"skipped: {each['what']}: {each['why']}" for each in report.get("skipped", ())})
    told += sorted({each["message"] for each in report.get("findings", ()) if each["rule"] == "policy-not-evaluable"})
    told += [line for line in said.splitlines() if line.startswith("error: ")]
    text = "; ".join(dict.fromkeys(_steady(scene, each) for each in told)) or "nothing"
    return f"exit {status}: {text}"


def _steady(scene: Scene, text: str) -> str:
    """What is told, the same in every run and on every machine."""
    for pattern, instead in (
        (re.escape(str(scene.estate.folder)), "…"),
        (re.escape(str(scene.estate.house.home)), "~"),
        (r"commit [0-9a-f]{12}", "commit ID"),
        (r"127\.0\.0\.1:\d+", "HOST"),
        (r"process \d+ since \S+?Z?(?=[ ,.;)]|$)", "process N since TIME"),
        (r"https?://HOST/", "https://HOST/"),
        (r"after [0-4](\.\d)? seconds", "after N seconds"),  # a quarter of the run, or what is left of that
        (r"cannot be evaluated: [^;]*", "cannot be evaluated"),  # the time ends it, or the memory
        (r" \(fatal: [^;]*\)", ""),  # git's own words are others in each of its versions
    ):
        text = re.sub(pattern, instead, text)
    return text


LONGEST = {
    "a renderer that hangs": 32,
    "policies in Rego that do not end, with `--max-time`": 42,
    "a pipe for a report that nobody reads": 20,
}
"""Seconds, most of which are waited."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow(LONGEST[name]) if name in LONGEST else ()) for name in CASES]
)
def test_bad_input(scene: Scene, name: str) -> None:
    CASES[name](scene)
    kept = scene.estate.history.read_bytes() if not scene.is_first else b""
    started = time.monotonic()
    status, report, said = scene.run()
    seconds = time.monotonic() - started
    assert "Traceback" not in said
    assert "internal error" not in said
    assert seconds < 100, "what hangs would be waited for longer"
    assert not scene.canary.exists(), "a program of others was run"
    assert "s3cret" not in said + json.dumps(report)
    recorded(name, happened(scene, status, report, said))
    if status == 2:
        assert "help: " in said
        if not scene.is_first:
            assert scene.estate.history.read_bytes() == kept, "left as it is"
    else:
        good = next(each for each in report["repositories"] if each["name"] == "good")
        assert (good["failure"], good["exit"]) == (None, 0)
        assert [i["verdict"] for i in report["images"] if i["repository"] == "good"] == ["verified"]
    scene.after()
    if scene.is_first and scene.estate.history.is_file():
        whole(scene.estate.history)


def whole(history: Path) -> None:
    with closing(sqlite3.connect(history)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


ROW = re.compile(r"^\| (.+?) \| (exit .*) \|$", re.MULTILINE)


def recorded(name: str, told: str) -> None:
    """The page says so, or is made to say so."""
    row = f"| {name} | {told.replace('|', chr(92) + '|')} |"
    if os.environ.get("AUDITOR_UPDATE_GOLDEN"):
        rows = dict(ROW.findall(PAGE.read_text("utf-8"))) | {name: row.removeprefix(f"| {name} | ").removesuffix(" |")}
        head = PAGE.read_text("utf-8").partition("|---|---|\n")[0]
        lines = "".join(f"| {each} | {rows[each]} |\n" for each in CASES if each in rows)
        PAGE.write_text(f"{head}|---|---|\n{lines}", "utf-8")
    assert row in PAGE.read_text("utf-8").splitlines()


@pytest.mark.slow
def test_a_renderer_is_not_waited_for_when_the_run_is_asked_to_end(scene: Scene) -> None:
    hanging_renderer(scene)
    begun = scene.estate.folder / "begun"
    kustomize = scene.estate.folder / "bin" / "kustomize"
    kustomize.write_text(kustomize.read_text().replace(WITHOUT_END, f": > {shlex.quote(str(begun))}; {WITHOUT_END}"))
    told: list[float] = []

    def meanwhile(process: subprocess.Popen[str]) -> None:
        until(begun.exists)
        process.send_signal(signal.SIGTERM)
        told.append(time.monotonic())

    scene.meanwhile = meanwhile
    status, report, said = scene.run()
    assert status == 3, said
    assert time.monotonic() - told[0] < 20  # a renderer may take thirty seconds
    failures = {each["name"]: each["failure"] for each in report["repositories"]}
    assert failures["bad"]["stage"] == "time"
    assert "when the run had to end" in failures["bad"]["why"]
    whole(scene.estate.history)


def test_the_page_has_no_other_rows() -> None:
    assert [name for name, _ in ROW.findall(PAGE.read_text("utf-8"))] == list(CASES)
