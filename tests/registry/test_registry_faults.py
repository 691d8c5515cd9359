"""What registries, proxies and attackers do to answers: each fault is the right value, and other images are still told.

The table of what was expected and what happened is printed by `pytest -s`.
"""

from __future__ import annotations

import gzip
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.config.rules import RegistrySettings
from auditor.model.evidence import Fault, FaultKind, Resolved
from auditor.model.reference import Digest, Reference
from auditor.registry.client import RegistryClient, open_registry
from fixtures.registry import (
    Body,
    Drip,
    Hang,
    Headers,
    Html,
    OciRegistry,
    Oversize,
    Quirks,
    Redirect,
    Reset,
    Status,
    Truncate,
)
from tests.registry.asking import BUNDLE, SHORT, Asked, ask, client, put_bundled, put_legacy
from tests.support.waiting import until

MANIFEST = r"/acme/bad/manifests/1$"
SIG = r"/acme/bad/manifests/sha256-[0-9a-f]{64}\.sig"
BLOB = r"/acme/bad/blobs/"
REFERRERS = r"/acme/bad/referrers/"
LISTED = r"/acme/bad/manifests/sha256:"
NO_API = Quirks(referrers=False)


@dataclass(frozen=True)
class Case:
    """A fault on the requests that match, and the kinds it must lead to; `found` what is found in spite of it."""

    pattern: str
    fault: Any
    kinds: str = ""
    found: str = ""
    times: int | None = None
    bundle: bool = False
    quirks: Quirks | None = None


SIGNED = "SimpleSigning"
CASES = {
    "429 twice, with Retry-After": Case(MANIFEST, Status(429, {"Retry-After": "1"}), found=SIGNED, times=2),
    "429 twice, without": Case(SIG, Status(429), found=SIGNED, times=2),
    "429 for ever": Case(SIG, Status(429, code="TOOMANYREQUESTS"), "rate-limited"),
    "429 for hours": Case(MANIFEST, Status(429, {"Retry-After": "7200"}), "rate-limited"),
    "500 burst": Case(MANIFEST, Status(500), found=SIGNED, times=2),
    "502 burst on the blob": Case(BLOB, Status(502), found=SIGNED, times=2),
    "503 for ever": Case(MANIFEST, Status(503), "server-error"),
    "503 for ever on referrers": Case(REFERRERS, Status(503), "server-error", SIGNED),
    "503 for ever on .sig": Case(SIG, Status(503), "server-error"),
    "408 once": Case(MANIFEST, Status(408), found=SIGNED, times=1),
    "reset in the middle, once": Case(BLOB, Reset(5), found=SIGNED, times=1),
    "reset in the middle, always": Case(BLOB, Reset(5), "connection-failed"),
    "reset before the first byte of the body": Case(SIG, Reset(0), "connection-failed"),
    "ended too early": Case(SIG, Truncate(20), "connection-failed"),
    "slow drip": Case(SIG, Drip(1, 0.05), "timeout"),
    "hang": Case(SIG, Hang(30), "timeout"),
    "hang at the tag": Case(MANIFEST, Hang(30), "timeout"),
    "manifest of 10 MB": Case(SIG, Oversize(), "too-large"),
    "blob of 10 MB": Case(BLOB, Oversize(), "too-large"),
    "list of 10 MB": Case(REFERRERS, Oversize(), "too-large", SIGNED),
    "body longer than stated": Case(SIG, Oversize(100_000, lie=True), found=SIGNED, times=1),
    "HTML with 200 at the tag": Case(MANIFEST, Html(), "malformed-answer"),
    "HTML with 200 for .sig": Case(SIG, Html(), "malformed-answer"),
    "HTML with 200 for the list": Case(REFERRERS, Html(), "malformed-answer", SIGNED),
    "HTML with 200 for the blob": Case(BLOB, Html(), "digest-mismatch"),
    "other bytes for the blob": Case(BLOB, Body(b"other"), "digest-mismatch"),
    "other bytes for a referrer": Case(LISTED, Body(b"{}"), "digest-mismatch", bundle=True),
    "a bundle's blob with other bytes": Case(BLOB, Body(BUNDLE + b" "), "digest-mismatch", bundle=True),
    "another type at the tag": Case(MANIFEST, Headers({"Content-Type": "text/html"}), found=SIGNED),
    "another type for .sig": Case(SIG, Headers({"Content-Type": "text/html; charset=utf-16"}), found=SIGNED),
    "no type for .sig": Case(SIG, Headers({"Content-Type": None}), found=SIGNED),
    "another type for the blob": Case(BLOB, Headers({"Content-Type": "application/vnd.oci.image.index.v1+json"}), found=SIGNED),
    "the type of an index for .sig": Case(SIG, Headers({"Content-Type": "application/vnd.oci.image.index.v1+json"}), found=SIGNED),
    "another type for a referrer": Case(LISTED, Headers({"Content-Type": "text/plain"}), found="BundleBytes", bundle=True),
    "another type for the list": Case(REFERRERS, Headers({"Content-Type": "text/html"}), "malformed-answer", SIGNED),
    "not JSON for .sig": Case(SIG, Headers({"Docker-Content-Digest": None}), found=SIGNED),
    "a listed manifest is gone": Case(LISTED, Status(404), "malformed-answer", bundle=True),
    "a listed blob is gone": Case(BLOB, Status(404), "malformed-answer"),
    "digest of another algorithm": Case(MANIFEST, Headers({"Docker-Content-Digest": "sha512:" + "a" * 128}), "unsupported"),
    "digest that is none": Case(MANIFEST, Headers({"Docker-Content-Digest": "sha256:xyz"}), "unsupported"),
    "no digest on HEAD": Case(MANIFEST, Headers({"Docker-Content-Digest": None}), found=SIGNED),
    "HEAD is not allowed": Case(MANIFEST, Status(405), found=SIGNED, times=1),
    "endless redirects": Case(MANIFEST, Redirect("/v2/acme/bad/manifests/1"), "bad-redirect"),
    "redirect to link-local": Case(BLOB, Redirect("http://169.254.169.254/latest/meta-data"), "bad-redirect"),
    "redirect to link-local, spelled otherwise": Case(BLOB, Redirect("http://2852039166/"), "bad-redirect"),
    "redirect to another loopback port": Case(BLOB, Redirect("http://127.0.0.1:1{path}"), "bad-redirect"),
    "redirect to a file": Case(BLOB, Redirect("file:///etc/passwd"), "bad-redirect"),
    "redirect to nonsense": Case(BLOB, Redirect("http://[::1/"), "bad-redirect"),
    "redirect with a password": Case(BLOB, Redirect("http://u:p@127.0.0.1:1/"), "bad-redirect"),
    "401 without a challenge": Case(MANIFEST, Status(401, code="UNAUTHORIZED"), "unauthorized"),
    "401 with an unknown scheme": Case(MANIFEST, Status(401, {"WWW-Authenticate": "Negotiate"}), "unauthorized"),
    "403 at the tag": Case(MANIFEST, Status(403, code="DENIED"), "denied"),
    "403 for the list": Case(REFERRERS, Status(403, code="DENIED"), "denied", SIGNED),
    "403 for .sig": Case(SIG, Status(403, code="DENIED"), "denied"),
    "realm at link-local": Case(
        MANIFEST, Status(401, {"WWW-Authenticate": 'Bearer realm="http://169.254.169.254/token"'}), "credential"
    ),
    "realm at another loopback port": Case(
        MANIFEST, Status(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/token"'}), "credential"
    ),
    "realm that is a file": Case(MANIFEST, Status(401, {"WWW-Authenticate": 'Bearer realm="file:///x"'}), "credential"),
    "no realm": Case(MANIFEST, Status(401, {"WWW-Authenticate": "Bearer"}), "credential"),
    "a list that leads to itself": Case(REFERRERS, Headers({"Link": '<?n=1>; rel="next"'}), "too-many", SIGNED),
    "a list that goes on elsewhere": Case(REFERRERS, Headers({"Link": '<http://127.0.0.1:1/x>; rel="next"'}), "bad-redirect", SIGNED),
    "a list that is no list": Case(REFERRERS, Body(b'{"manifests": 7}'), "malformed-answer", SIGNED),
    "a list of other digests": Case(
        REFERRERS, Body(b'{"manifests": [{"digest": "md5:00", "size": 1}]}'), "unsupported", SIGNED
    ),
    "an encoding nobody asked for": Case(SIG, Headers({"Content-Encoding": "gzip"}), "malformed-answer"),
    "schema 1": Case(SIG, Body(b'{"schemaVersion": 1}'), "digest-mismatch"),
    "a header in Latin-1": Case(MANIFEST, Headers({"Server": "r\xe9gistre"}), found=SIGNED),
    "418": Case(MANIFEST, Status(418), "malformed-answer"),
    "a fallback list in HTML": Case(r"/acme/bad/manifests/sha256-[0-9a-f]{64}$", Html(), "malformed-answer", SIGNED, quirks=NO_API),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_one_fault(name: str) -> None:
    case = CASES[name]
    with OciRegistry(quirks=case.quirks) as registry, client(registry) as opened:
        (put_bundled if case.bundle else put_legacy)(registry, "acme/bad")
        put_legacy(registry, "acme/good")
        registry.faults.on(case.pattern, case.fault, times=case.times)
        started = time.monotonic()
        bad = ask(opened, registry, registry.reference("acme/bad", "1"))
        seconds = time.monotonic() - started
        row = (name, case.kinds or "told", ", ".join(bad.kinds) or "told", f"{seconds:.1f} s")
        sys.stdout.write("{:45} expected {:18} got {:18} {}\n".format(*row))
        assert bad.kinds == ({case.kinds} if case.kinds else set()), (bad.resolution, bad.listing.faults)
        assert set(bad.found) == ({case.found} if case.found else set())
        if name != "429 for hours":  # the host has asked not to be asked at all
            good = ask(opened, registry, registry.reference("acme/good", "1"))
            assert (good.found, good.kinds) == ([SIGNED], set())


def test_a_gzip_bomb_is_not_opened() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        put_legacy(registry, "acme/bad")
        bomb = gzip.compress(bytes(64 * 1024 * 1024))
        registry.faults.on(SIG, Status(200, {"Content-Encoding": "gzip"}, body=bomb))
        assert ask(opened, registry, registry.reference("acme/bad", "1")).kinds == {"malformed-answer"}


def resolved_at(opened: RegistryClient, registry: OciRegistry, names: list[str]) -> list[float]:
    """When each of the requests for these images came in, all sent at once; seconds after the first."""
    registry.forget()
    with ThreadPoolExecutor(len(names)) as pool:
        found = list(pool.map(opened.resolve, [Reference.parse(registry.reference(name, "1")) for name in names]))
    assert all(isinstance(one, Resolved) for one in found)
    return [seen.at - registry.requests[0].at for seen in registry.requests]


def test_a_request_that_is_refused_waits_alone() -> None:
    names = [f"acme/n{number}" for number in range(6)]
    with OciRegistry() as registry, client(registry) as opened:
        for name in names:
            put_legacy(registry, name)
        registry.faults.on("/acme/n0/manifests/1", Status(429, {"Retry-After": "2"}), times=1)
        at = resolved_at(opened, registry, names)
    assert len(at) == 7
    assert at[-1] >= 1.95
    assert at[-2] < 1.9


def test_a_host_that_refuses_everybody_is_left_alone_by_everybody() -> None:
    names = [f"acme/n{number}" for number in range(6)]
    with OciRegistry() as registry, client(registry) as opened:
        for name in names:
            put_legacy(registry, name)
        registry.faults.on("/manifests/1", Status(429, {"Retry-After": "1"}), times=6)
        at = resolved_at(opened, registry, names)
        assert len(at) == 12
        assert all(moment >= 0.95 for moment in at[6:])
        late = resolved_at(opened, registry, names)
    assert len(late) == 6, "and is not pressed as before"


def test_a_host_that_is_full_is_waited_for_by_those_that_it_did_not_refuse() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        for number in range(5):
            put_legacy(registry, f"acme/n{number}")
        registry.faults.on("/manifests/1", Status(429, {"Retry-After": "2"}), times=3)
        registry.forget()
        refused = [
            threading.Thread(target=opened.resolve, args=(Reference.parse(registry.reference(f"acme/n{number}", "1")),))
            for number in range(3)
        ]
        for thread in refused:
            thread.start()
        until(lambda: len(registry.requests) == 3)
        time.sleep(0.3)  # for the last answer to be read
        found = [opened.resolve(Reference.parse(registry.reference(f"acme/n{number}", "1"))) for number in (3, 4)]
        for thread in refused:
            thread.join()
        assert all(isinstance(one, Resolved) for one in found)
        assert all(seen.at - registry.requests[2].at >= 1.95 for seen in registry.requests[3:])


def test_a_closed_host_is_left_alone() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        for number in range(4):
            put_legacy(registry, f"acme/n{number}")
        registry.faults.on("/manifests/", Status(429, {"Retry-After": "3600"}))
        answers = [opened.resolve(Reference.parse(registry.reference(f"acme/n{number}", "1"))) for number in range(4)]
        assert {answer.kind for answer in answers if isinstance(answer, Fault)} == {FaultKind.RATE_LIMITED}
        assert len(registry.requests) == 1


@pytest.mark.parametrize("tls", [False, True])
def test_nobody_listens(tls: bool) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{sock.getsockname()[1]}"
        settings = {host: RegistrySettings(host, client_certificate=None, ca_pem=None, plain_http=not tls)}
        with open_registry(settings, environ={}, limits=SHORT) as opened:
            found = opened.resolve(Reference.parse(f"{host}/acme/api:1"))
    assert isinstance(found, Fault)
    assert found.kind is FaultKind.REFUSED
    assert host in found.detail


@pytest.fixture
def silent() -> Iterator[str]:
    """A host that accepts and says nothing, not even a TLS handshake."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        yield f"127.0.0.1:{sock.getsockname()[1]}"


def test_a_host_that_says_nothing_is_given_up(silent: str) -> None:
    settings = {silent: RegistrySettings(silent, ca_pem=b"")}
    with OciRegistry(tls=True) as known:
        settings[silent] = RegistrySettings(silent, ca_pem=known.ca_pem)
    started = time.monotonic()
    limits = replace(SHORT, request_seconds=60, attempts=10)
    with open_registry(settings, environ={}, limits=limits) as opened, ThreadPoolExecutor(8) as pool:
        references = [Reference.parse(f"{silent}/acme/n{number}:1") for number in range(24)]
        kinds = {found.kind for found in pool.map(opened.resolve, references) if isinstance(found, Fault)}
    assert kinds == {FaultKind.TIMEOUT}
    assert time.monotonic() - started < 20, "with ten tries of each they would take thirty"


Resolver = Callable[..., Any]


def resolving(monkeypatch: pytest.MonkeyPatch, answer: Resolver) -> Fault:
    """What comes of a name when the resolver gives that answer: tests ask no real one."""
    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with open_registry({}, environ={}, limits=SHORT) as opened:
        found = opened.resolve(Reference.parse("r.acme.example/acme/api:1"))
    assert isinstance(found, Fault)
    return found


@pytest.mark.parametrize("error", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_no_such_host(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    asked = []

    def answer(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise socket.gaierror(error, "no such name")

    assert resolving(monkeypatch, answer).kind is FaultKind.NO_SUCH_HOST
    assert len(asked) == (SHORT.attempts if error == socket.EAI_AGAIN else 1)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"])
def test_a_name_that_points_at_link_local_is_not_asked(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("a connection was tried")

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket.socket, "connect", refuse)
    found = resolving(monkeypatch, lambda *_, **__: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    assert found.kind is FaultKind.REFUSED
    assert "link-local" in found.detail


def test_the_run_has_an_end() -> None:
    limits = replace(SHORT, run_seconds=0.5)
    with OciRegistry() as registry, client(registry, limits=limits) as opened:
        put_legacy(registry, "acme/bad")
        put_legacy(registry, "acme/good")
        registry.faults.on(SIG, Hang(30))
        started = time.monotonic()
        assert ask(opened, registry, registry.reference("acme/bad", "1")).kinds <= {"timeout", "deadline"}
        assert ask(opened, registry, registry.reference("acme/good", "1")).kinds == {"deadline"}
        assert time.monotonic() - started < 15


@pytest.mark.parametrize("fault", [Hang(30), Drip(1, 0.2), Status(429, {"Retry-After": "30"}), Status(503)])
def test_a_run_that_is_stopped(fault: Any) -> None:
    limits = replace(SHORT, read_seconds=30, request_seconds=60, retry_after_seconds=60, attempts=30)
    with OciRegistry() as registry, client(registry, limits=limits) as opened:
        put_legacy(registry, "acme/bad")
        registry.faults.on(MANIFEST, fault, method="HEAD")
        registry.faults.on(MANIFEST, fault)
        reference = Reference.parse(registry.reference("acme/bad", "1"))
        with ThreadPoolExecutor(4) as pool:
            open_questions = [pool.submit(opened.resolve, reference) for _ in range(4)]
            until(lambda: registry.requests)
            time.sleep(0.4)
            started = time.monotonic()
            opened.stop()
            answers = [question.result(25) for question in open_questions]
        assert time.monotonic() - started < 20  # what is asked would be waited for half a minute
        assert all(isinstance(answer, (Fault, Resolved)) for answer in answers)
        assert isinstance(opened.resolve(reference), Fault)


def test_a_run_that_is_stopped_asks_nothing_again_on_a_fresh_connection() -> None:
    limits = replace(SHORT, read_seconds=30, request_seconds=60, attempts=30)
    with OciRegistry() as registry, client(registry, limits=limits) as opened:
        put_legacy(registry, "acme/api")
        put_legacy(registry, "acme/bad")
        assert isinstance(opened.resolve(Reference.parse(registry.reference("acme/api", "1"))), Resolved)
        registry.faults.on("/acme/bad/", Hang(20))
        with ThreadPoolExecutor(1) as pool:
            question = pool.submit(opened.resolve, Reference.parse(registry.reference("acme/bad", "1")))
            until(lambda: any("/acme/bad/" in each for each in registry.asked()))
            opened.stop()
            assert isinstance(question.result(15), Fault)
        assert len([seen for seen in registry.requests if "/acme/bad/" in seen.path]) == 1
        registry.faults.off()


def test_a_kept_connection_that_the_registry_closes() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        for _ in range(3):
            registry.faults.on("/acme/api/manifests/1$", Truncate(10_000), times=1)  # answers in full, then closes
            assert ask(opened, registry, registry.reference("acme/api", "1")).found == [SIGNED]


def test_every_answer_is_the_true_one_or_a_fault() -> None:
    """120 images, one answer in five spoiled: nothing is ever found or missed wrongly."""
    limits = replace(SHORT, attempts=2)
    faults: list[Callable[[], Any]] = [
        lambda: Status(503), lambda: Status(500), lambda: Reset(3), lambda: Truncate(7), Html, lambda: Body(b"{}"),
        lambda: Status(429), lambda: Hang(5), lambda: Status(401), lambda: Status(403), Oversize,
    ]  # fmt: skip
    with OciRegistry(seed=7) as registry, client(registry, limits=limits) as opened:
        truth: dict[str, str] = {}
        for number in range(120):
            name, kind = f"acme/n{number}", ("SimpleSigning", "BundleBytes", "")[number % 3]
            digest = registry.put_image(name, "1")
            if kind == "SimpleSigning":
                registry.put_sig(name, digest, [(b"x", {})])
            elif kind:
                registry.put_bundle(name, digest, BUNDLE)
            truth[name] = kind
        for make in faults:
            registry.faults.on("/v2/", make(), share=0.2 / len(faults))

        def judge(name: str) -> tuple[str, Asked]:
            return name, ask(opened, registry, registry.reference(name, "1"))

        with ThreadPoolExecutor(16) as pool:
            answers = dict(pool.map(judge, truth))
    wrong = {
        name: one for name, one in answers.items() if not one.kinds and one.found != [truth[name]][: bool(truth[name])]
    }
    told = sum(not one.kinds for one in answers.values())
    sys.stdout.write(f"{told} of {len(truth)} told, {len(truth) - told} not judged, {len(wrong)} wrong\n")
    assert wrong == {}
    assert told > len(truth) / 3


def test_digest_of_a_tag_that_is_fetched_is_that_of_its_bytes() -> None:
    with OciRegistry() as registry, client(registry) as opened:
        digest = put_legacy(registry, "acme/bad")
        wrong = str(Digest.of(b"other"))
        registry.faults.on(MANIFEST, Headers({"Docker-Content-Digest": None}), method="HEAD")
        registry.faults.on(MANIFEST, Headers({"Docker-Content-Digest": wrong}), method="GET", times=1)
        assert ask(opened, registry, registry.reference("acme/bad", "1")).kinds == {"digest-mismatch"}
        found = ask(opened, registry, registry.reference("acme/bad", "1")).resolution
        assert isinstance(found, Resolved)
        assert found.digest == digest


@pytest.mark.parametrize(
    "fault", [Hang(30), Drip(1, 0.05), Truncate(20), Reset(5)], ids=["hang", "drip", "truncated", "reset"]
)
def test_tls_that_stalls_or_breaks_after_the_handshake(fault: Any) -> None:
    """Under TLS too each read ends with its request, on a connection that has served before and later serves again."""
    with OciRegistry(tls=True) as registry, client(registry) as opened:
        put_legacy(registry, "acme/bad")
        put_legacy(registry, "acme/good")
        assert ask(opened, registry, registry.reference("acme/good", "1")).found == [SIGNED]
        registry.faults.on(SIG, fault)
        started = time.monotonic()
        bad = ask(opened, registry, registry.reference("acme/bad", "1"))
        assert time.monotonic() - started < 6 * SHORT.request_seconds
        assert bad.kinds == ({"timeout"} if isinstance(fault, Hang | Drip) else {"connection-failed"})
        assert bad.found == []
        assert ask(opened, registry, registry.reference("acme/good", "1")).found == [SIGNED]
