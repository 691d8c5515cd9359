"""The registries that people use: every form is found on each, and what is missing is said as far as it tells."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.model.evidence import Absent, Fault, FaultKind
from auditor.model.reference import Digest
from auditor.registry.client import RegistryClient
from fixtures.registry import MODELS, ROBOT, OciRegistry
from tests.registry.asking import NOTES, PAYLOAD, ask, client, put_bundled, put_legacy

Opened = tuple[OciRegistry, RegistryClient]


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    chosen = MODELS[request.param]
    with OciRegistry(**chosen.options()) as registry:
        environ = {}
        if chosen.needs_user:
            ((user, password),) = ROBOT.items()
            entry = {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
            (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: entry}}))
            environ = {"DOCKER_CONFIG": str(tmp_path)}
        with client(registry, environ=environ) as opened:
            yield registry, opened


def test_every_form_is_found(model: Opened) -> None:
    registry, opened = model
    put_legacy(registry, "acme/legacy")
    bundled = put_bundled(registry, "acme/bundle")
    registry.put_bundle("acme/bundle", str(bundled), b"second")
    digest = registry.put_image("acme/att", "1")
    registry.put_att("acme/att", digest, [(PAYLOAD, NOTES)])
    registry.put_image("acme/unsigned", "1")
    found = {
        name: ask(opened, registry, registry.reference(f"acme/{name}", "1"))
        for name in ("legacy", "bundle", "att", "unsigned")
    }
    assert {name: asked.found for name, asked in found.items()} == {
        "legacy": ["SimpleSigning"],
        "bundle": ["BundleBytes", "BundleBytes"],
        "att": ["LegacyAttestation"],
        "unsigned": [],
    }
    assert not any(asked.kinds for asked in found.values())


def test_what_is_missing(model: Opened) -> None:
    registry, opened = model
    registry.put_image("acme/api", "1")
    assert isinstance(ask(opened, registry, registry.reference("acme/api", "2")).resolution, Absent)
    gone = registry.reference("acme/api", digest=str(Digest.of(b"nothing")))
    assert isinstance(ask(opened, registry, gone).resolution, Absent)
    none = ask(opened, registry, registry.reference("acme/none", "1")).resolution
    if registry.quirks.missing_is_denied:
        assert isinstance(none, Fault)
        assert none.kind is FaultKind.UNAUTHORIZED
        assert "missing, or no access" in none.detail
    else:
        assert isinstance(none, Absent)


def test_a_tag_costs_nothing_of_docker_hubs_allowance() -> None:
    with OciRegistry(**MODELS["docker hub"].options()) as registry, client(registry) as opened:
        put_legacy(registry, "acme/api")
        for _ in range(3):
            registry.quirks.allowance = 0
            assert not isinstance(ask(opened, registry, registry.reference("acme/api", "1")).resolution, Fault)
            assert "0 more" in opened.notes()[0]
