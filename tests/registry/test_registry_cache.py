"""What outlives a run: bytes that hash to their name, and answers that may be old only where the user said so."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from auditor.config.rules import RegistrySettings
from auditor.model.evidence import Fault, FaultKind, Refused, Resolved, Signed
from auditor.model.reference import Digest, Reference
from auditor.registry.cache import CachedAsker
from auditor.registry.client import RegistryClient, open_registry
from auditor.registry.http import Answer, Keep, Question
from auditor.registry.store import Cache, CacheSettings, WriteBehind
from fixtures.registry import OciRegistry, Quirks
from fixtures.sigstore import Sigstore, sig_layer
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.scene import Scene
from tests.registry.asking import SHORT, ask, put_bundled, put_legacy
from tests.support.signatures import made_root, verifier_of


@contextmanager
def cached(folder: Path, *, tags: float = 0, listings: float = 0, offline: bool = False) -> Iterator[RegistryClient]:
    kept = CacheSettings(folder, tags, listings)
    with open_registry({}, environ={}, limits=SHORT, cache=kept, offline=offline) as opened:
        yield opened


def entries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_warm_cache_asks_heads_and_listings_again(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        for name, put in (("acme/legacy", put_legacy), ("acme/bundle", put_bundled)):
            put(registry, name)
            with cached(tmp_path) as opened:
                cold = ask(opened, registry, registry.reference(name, "1"))
            with cached(tmp_path) as opened:
                warm = ask(opened, registry, registry.reference(name, "1"))
            assert warm.listing == cold.listing
            assert warm.found
            assert not any("/blobs/" in request or "/manifests/sha256:" in request for request in warm.requests)
            assert len(warm.requests) == 3


@pytest.mark.parametrize("put", [put_legacy, put_bundled])
def test_with_leave_to_be_old_nothing_is_asked(tmp_path: Path, put: Callable[[OciRegistry, str], Digest]) -> None:
    with OciRegistry(quirks=Quirks(referrers=False)) as registry:
        digest = put(registry, "acme/api")
        for reference in (registry.reference("acme/api", "1"), registry.reference("acme/api", digest=str(digest))):
            with cached(tmp_path, tags=60, listings=60) as opened:
                cold = ask(opened, registry, reference)
            for offline in (False, True):
                with cached(tmp_path, tags=60, listings=60, offline=offline) as opened:
                    warm = ask(opened, registry, reference)
                assert warm.requests == []
                assert (warm.listing, warm.resolution) == (cold.listing, cold.resolution)


def test_refresh_asks_again_and_keeps_the_answers(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        reference = registry.reference("acme/api", "1")
        asked = []
        for refresh in (False, True, False):
            kept = CacheSettings(tmp_path, 60, 60, refresh=refresh)
            with open_registry({}, environ={}, limits=SHORT, cache=kept) as opened:
                asked.append(len(ask(opened, registry, reference).requests))
    assert asked[0] == asked[1] > 0 == asked[2]


def test_without_leave_a_moved_tag_is_seen_and_a_new_signature_too(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        with cached(tmp_path) as opened:
            ask(opened, registry, registry.reference("acme/api", "1"))
        moved = registry.put_image("acme/api", "1", seed="another")
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert isinstance(asked.resolution, Resolved)
        assert str(asked.resolution.digest) == moved
        assert asked.found == []
        registry.put_bundle("acme/api", moved, b"new")
        with cached(tmp_path) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["BundleBytes"]


def test_offline_without_an_answer_is_not_judged(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        with cached(tmp_path) as opened:
            ask(opened, registry, registry.reference("acme/api", "1"))
        with cached(tmp_path, offline=True) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
        with open_registry({}, environ={}, offline=True) as opened:
            nothing = opened.resolve(Reference.parse("ghcr.io/acme/api:1"))
    assert (asked.kinds, asked.requests) == ({"offline"}, [])
    assert isinstance(nothing, Fault)
    assert nothing.kind is FaultKind.OFFLINE


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_damaged_entries_are_fetched_again(tmp_path: Path, damage: bytes | None) -> None:
    with OciRegistry() as registry:
        put_bundled(registry, "acme/api")
        with cached(tmp_path, tags=60, listings=60) as opened:
            cold = ask(opened, registry, registry.reference("acme/api", "1"))
        for path in entries(tmp_path):
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage is None else damage)
        with cached(tmp_path, tags=60, listings=60) as opened:
            again = ask(opened, registry, registry.reference("acme/api", "1"))
        assert again.listing == cold.listing
        assert not again.kinds
        assert len(again.requests) == len(cold.requests)


def test_content_with_another_digest_is_never_handed_out(tmp_path: Path) -> None:
    """Even an entry with a good checksum, as an attacker with access to the folder would write it."""
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        with cached(tmp_path) as opened:
            cold = ask(opened, registry, registry.reference("acme/api", "1"))
        cache = Cache(tmp_path)
        blob = next(request for request in cold.requests if "/blobs/" in request)
        key = f"GET {registry.url}{blob.partition(' ')[2]} None"
        stored = cache.read(key)
        assert stored is not None
        cache.write(key, stored.partition(b"\n")[0] + b"\nforged")
        with cached(tmp_path) as opened:
            again = ask(opened, registry, registry.reference("acme/api", "1"))
        assert again.listing == cold.listing
        assert blob in again.requests


def test_a_folder_that_cannot_be_written_costs_nothing_but_requests(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with OciRegistry() as registry:
        put_legacy(registry, "acme/api")
        with cached(tmp_path / "file" / "below", tags=60, listings=60) as opened:
            assert ask(opened, registry, registry.reference("acme/api", "1")).found == ["SimpleSigning"]


class Counting:
    """An asker with one answer, and how often it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.questions: list[Question] = []

    @property
    def times(self) -> int:
        return len(self.questions)

    def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        return self.answer


def test_two_configurations_do_not_vouch_for_each_other(tmp_path: Path) -> None:
    """A host that another authority vouches for is another host: its answers about tags do not serve the first."""
    settings = CacheSettings(tmp_path, 60, 60)
    host = "r.acme.example"
    question = Question("HEAD", f"https://{host}/v2/a/manifests/1", "a", "it", keep=Keep.TAG)
    rogue = Counting(Answer(200, {}, b"", question.url))
    honest = Counting(Answer(404, {}, b"", question.url))
    trusting = {host: RegistrySettings(host, ca_pem=b"somebody")}
    for session, own, status in ((rogue, trusting, 200), (honest, {}, 404), (rogue, trusting, 200)):
        with closing(CachedAsker(session, settings, own, SHORT)) as asker:
            assert asker.ask(question).status == status
    assert (rogue.times, honest.times) == (1, 1)


@pytest.mark.parametrize(("later", "asked"), [(59, 1), (61, 2), (-10, 2)])
def test_answers_have_an_age(tmp_path: Path, later: float, asked: int) -> None:
    now = 1_000_000.0
    settings = CacheSettings(tmp_path, 60, 60)
    question = Question("HEAD", "https://r.acme.example/v2/a/manifests/1", "a", "it", keep=Keep.TAG)
    registry = Counting(Answer(404, {}, b"", question.url))
    for when in (now, now + later):
        with closing(CachedAsker(registry, settings, {}, SHORT, partial(float, when))) as asker:
            asker.ask(question)
    assert registry.times == asked


@pytest.mark.parametrize("status", [401, 403, 206, 418])
def test_refusals_are_not_kept(tmp_path: Path, status: int) -> None:
    question = Question("GET", "https://r.acme.example/v2/a/manifests/1", "a", "it", keep=Keep.TAG)
    registry = Counting(Answer(status, {}, b"", question.url))
    with closing(CachedAsker(registry, CacheSettings(tmp_path, 60, 60), {}, SHORT)) as asker:
        asker.ask(question)
        asker.ask(question)
    assert registry.times == 2


class Stuck(Cache):
    """A cache on a disk that makes the thread behind it wait until `free` is set; `begun` once it waits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.begun = threading.Event()
        self.free = threading.Event()

    def write(self, key: str, content: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            self.begun.set()
            assert self.free.wait(60)
        super().write(key, content)


def test_nobody_waits_for_the_disk_and_what_waits_for_it_is_there(tmp_path: Path) -> None:
    disk = Stuck(tmp_path)
    with closing(WriteBehind(disk)) as behind:
        behind.write("first", b"1")
        behind.write("first", b"2")
        assert disk.begun.wait(60)
        assert behind.read("first") == b"2"
        assert entries(tmp_path) == []
        disk.free.set()
    assert Cache(tmp_path).read("first") == b"2"


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path) -> None:
    """More than that is written by whoever has it: nothing is lost, and memory does not grow."""
    disk = Stuck(tmp_path)
    with closing(WriteBehind(disk)) as behind:
        for number in range(100):
            behind.write(str(number), b"content")
        assert len(entries(tmp_path)) == 100 - 64
        disk.free.set()
    assert len(entries(tmp_path)) == 100


def test_many_processes_share_a_folder(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from auditor.registry.store import Cache
cache = Cache(Path(sys.argv[1]))
for number in range(300):
    cache.write(f"k{number % 7}", b"%d" % (number % 7) * 5000)
    found = cache.read(f"k{number % 5}")
    assert found in (None, b"%d" % (number % 5) * 5000)
"""
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(4)]
    running[0].kill()
    assert [process.wait(60) for process in running[1:]] == [0, 0, 0]
    running[0].wait(60)
    cache = Cache(tmp_path)
    assert all(cache.read(f"k{number}") == b"%d" % number * 5000 for number in range(7))


def test_a_writer_that_is_killed_leaves_whole_entries_or_none(tmp_path: Path) -> None:
    """SIGKILL at any moment: what is read afterwards is what was written, and what was left half is cleared away."""
    script = """
import sys
from pathlib import Path
from auditor.registry.store import Cache
cache = Cache(Path(sys.argv[1]))
sys.stdout.write("ready\\n")
sys.stdout.flush()
number = 0
while True:
    cache.write(f"k{number % 3}", b"%d" % (number % 3) * 3_000_000)
    number += 1
"""
    for round_ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.03 * (round_ + 1))
            process.kill()
        assert all(Cache(tmp_path).read(f"k{number}") in (None, b"%d" % number * 3_000_000) for number in range(3))
    Cache(tmp_path).clear()
    assert entries(tmp_path) == []


def test_a_full_disk_costs_nothing_but_requests(tmp_path: Path) -> None:
    """A write that fails half way (here by a limit on the size of files) leaves nothing behind."""
    script = """
import resource, signal, sys
from pathlib import Path
from auditor.registry.store import Cache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
cache = Cache(Path(sys.argv[1]))
cache.write("large", bytes(50_000))
cache.write("small", b"fits")
assert cache.read("large") is None
assert cache.read("small") == b"fits"
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(entries(tmp_path)) == 1


def test_a_cache_filled_under_one_trust_root_vouches_for_nobody_under_another(tmp_path: Path) -> None:
    """What is kept is bytes: the same bytes are judged anew by whoever reads them, offline too."""
    trusted, other = Scene(), Scene(stack=Sigstore("sigstore.other.example"))
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        signed = sig_layer(trusted.stack.sign(digest, trusted.claimant, trusted.at))
        push_signatures(registry, "acme/api", digest, signed)
        reference = Reference.parse(registry.reference("acme/api", "1"))
        for root, offline in ((trusted, False), (other, False), (trusted, True), (other, True)):
            with cached(tmp_path, tags=60, listings=60, offline=offline) as opened:
                (material,) = opened.signatures(reference, Digest.parse(digest)).materials
            verdict = verifier_of(made_root(root.stack)).verify(material, Digest.parse(digest))
            assert isinstance(verdict, Signed if root is trusted else Refused)


def test_info_trim_and_clear(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert (cache.info().entries, cache.info().size) == (0, 0)
    for number in range(5):
        cache.write(str(number), bytes(1000))
    assert cache.info().entries == 5
    assert cache.info().size == 5 * 1065
    cache.trim(3 * 1065)
    assert cache.info().entries == 3
    assert cache.clear().entries == 3
    assert cache.info().entries == 0
    assert cache.read("4") is None
