"""A list of signatures that is at hand is asked for with its validator: the host says whether it still holds, nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from auditor.model.reference import Digest
from auditor.registry.client import RegistryClient, open_registry
from auditor.registry.store import CacheSettings
from fixtures.registry import OciRegistry, Quirks
from fixtures.registry.faults import Status
from tests.registry.asking import SHORT, ask, put_legacy

SIG = r"\.sig$"


@contextmanager
def cached(folder: Path, *, offline: bool = False, refresh: bool = False) -> Iterator[RegistryClient]:
    kept = CacheSettings(folder, refresh=refresh)
    with open_registry({}, environ={}, limits=SHORT, cache=kept, offline=offline) as opened:
        yield opened


def lists(registry: OciRegistry) -> list[int]:
    """The status of each answer about a list of signatures."""
    return [seen.status for seen in registry.requests if seen.path.endswith(".sig")]


def signed(registry: OciRegistry, folder: Path) -> str:
    """A signed image that was asked about once."""
    put_legacy(registry, "acme/api")
    reference = registry.reference("acme/api", "1")
    with cached(folder) as opened:
        assert ask(opened, registry, reference).found
    assert lists(registry) == [200]
    return reference


def test_a_list_that_holds_is_not_sent_again(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        reference = signed(registry, tmp_path)
        for _ in range(2):
            with cached(tmp_path) as opened:
                assert ask(opened, registry, reference).found
            assert lists(registry) == [304]


def test_a_signature_that_is_gone_is_gone(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        reference = signed(registry, tmp_path)
        store = registry.store.find("acme/api")
        assert store is not None
        (tag,) = (tag for tag in store.tags if tag.endswith(".sig"))
        del store.tags[tag]
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, reference)
    assert (asked.found, asked.kinds, asked.listing.materials) == ([], set(), ())


def test_another_list_takes_its_place(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        reference = signed(registry, tmp_path)
        digest = registry.put_image("acme/api", "1")
        registry.put_sig("acme/api", digest, [(b"another", {"dev.cosignproject.cosign/signature": "AA=="})])
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, reference)
            assert lists(registry) == [200]
        with cached(tmp_path) as opened:
            assert ask(opened, registry, reference).listing == asked.listing
            assert lists(registry) == [304]


def test_a_host_without_validators_sends_it_again(tmp_path: Path) -> None:
    with OciRegistry(quirks=Quirks(etags=False)) as registry:
        reference = signed(registry, tmp_path)
        with cached(tmp_path) as opened:
            assert ask(opened, registry, reference).found
        assert lists(registry) == [200]


def test_nobody_says_that_it_holds_who_was_not_asked(tmp_path: Path) -> None:
    """304 to a question without a validator is no answer; offline there is nobody who could say that a list holds."""
    with OciRegistry() as registry:
        reference = signed(registry, tmp_path)
        with cached(tmp_path, offline=True) as opened:
            assert ask(opened, registry, reference).kinds == {"offline"}
        registry.faults.on(SIG, Status(304))
        with cached(tmp_path, refresh=True) as opened:
            asked = ask(opened, registry, reference)
    assert asked.found == []
    assert asked.kinds


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_a_damaged_list_is_asked_for_without(tmp_path: Path, damage: bytes) -> None:
    with OciRegistry() as registry:
        reference = signed(registry, tmp_path)
        for path in (path for path in tmp_path.rglob("*") if path.is_file()):
            path.write_bytes(damage)
        with cached(tmp_path) as opened:
            assert ask(opened, registry, reference).found
        assert lists(registry) == [200]


def test_a_list_is_never_another_images(tmp_path: Path) -> None:
    """What one image's list was says nothing of another's, whatever the host answers."""
    with OciRegistry() as registry:
        signed(registry, tmp_path)
        digest = registry.put_image("acme/other", "1")
        registry.faults.on(SIG, Status(304))
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, registry.reference("acme/other", digest=str(Digest.parse(digest))))
    assert asked.found == []
    assert asked.kinds


def attestations(registry: OciRegistry) -> list[tuple[str, int]]:
    """What was asked about a list of attestations, and the status of each answer."""
    return [(seen.method, seen.status) for seen in registry.requests if seen.path.endswith(".att")]


def test_attestations_are_looked_for_without_a_body_until_there_are_some(tmp_path: Path) -> None:
    """Hardly an image has them alone: "no" is answered to HEAD; one that appears is seen, and one that goes again too."""
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        reference = registry.reference("acme/api", "1")
        store = registry.store.find("acme/api")
        assert store is not None
        expected = [
            (None, [], [("HEAD", 404)]),
            (b"envelope", ["LegacyAttestation"], [("HEAD", 200), ("GET", 200)]),
            (b"envelope", ["LegacyAttestation"], [("GET", 304)]),
            (b"another", ["LegacyAttestation"], [("GET", 200)]),
            (None, [], [("GET", 404)]),
        ]
        for envelope, found, requests in expected:
            for tag in [tag for tag in store.tags if tag.endswith(".att")]:
                del store.tags[tag]
            if envelope is not None:
                registry.put_att("acme/api", digest, [(envelope, {"predicateType": "x"})])
            with cached(tmp_path) as opened:
                asked = ask(opened, registry, reference)
            assert (asked.found, asked.kinds) == (found, set())
            assert attestations(registry) == requests


@pytest.mark.parametrize("status", [400, 401, 403, 405, 501])
def test_a_host_that_answers_no_head_is_asked_by_get(tmp_path: Path, status: int) -> None:
    with OciRegistry() as registry:
        digest = registry.put_image("acme/api", "1")
        registry.put_att("acme/api", digest, [(b"envelope", {"predicateType": "x"})])
        registry.faults.on(r"^HEAD .*\.att$|\.att$", Status(status), times=1)
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert (asked.found, asked.kinds) == (["LegacyAttestation"], set())


def test_a_host_that_cannot_be_asked_by_head_has_not_said_no(tmp_path: Path) -> None:
    with OciRegistry() as registry:
        registry.put_image("acme/api", "1")
        registry.faults.on(r"\.att$", Status(500), share=1.0)
        with cached(tmp_path) as opened:
            asked = ask(opened, registry, registry.reference("acme/api", "1"))
        assert asked.kinds, "nobody could tell"
