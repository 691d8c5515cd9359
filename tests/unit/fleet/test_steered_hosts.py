"""Whose credentials a repository's own rules may have shown: nobody's, to a host that they say how to speak to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from auditor.config.load import load_rules
from auditor.config.rules import RegistrySettings
from auditor.fleet.workshop import unsteered
from auditor.registry.endpoint import by_authority, origin_of


@pytest.mark.parametrize(
    ("host", "registries"),
    [
        ("docker.io", "{docker.io: {plain-http: true}}"),
        ("docker.io", "{docker.io: {plain-http: true}, registry-1.docker.io: {plain-http: false}}"),
        ("ghcr.io:80", "{'ghcr.io:80': {plain-http: true}}"),
        ("ghcr.io:80", "{'ghcr.io:80': {plain-http: true}, ghcr.io: {plain-http: false}}"),
        ("ghcr.io:443", "{'ghcr.io:443': {realm: acme.example}}"),
    ],
    ids=["hub", "hub-by-its-other-name", "port-of-http", "port-beside-the-host", "port-of-https"],
)
def test_no_name_of_a_host_has_a_credential_shown(host: str, registries: str) -> None:
    settings = unsteered(_registries(registries))
    shown = by_authority(settings)[origin_of(host, settings).authority]
    assert shown.anonymous


def test_hosts_that_are_spoken_to_as_usual_keep_theirs() -> None:
    settings = unsteered(
        _registries("{docker.io: {mirror: ghcr.io/acme}, 'ghcr.io:80': {plain-http: true}, quay.io: {}}")
    )
    assert not by_authority(settings)["registry-1.docker.io"].anonymous
    assert not settings["quay.io"].anonymous


def test_no_certificate_of_the_machine_is_shown_to_whom_a_repository_names() -> None:
    """The files are those of the machine that runs the audit, whatever repository names them."""
    written = "{registry.acme.example: {client-certificate: /etc/ssl/platform.pem, client-key: /etc/ssl/platform.key}}"
    given = _registries(written)
    settings = unsteered(given)["registry.acme.example"]
    assert given["registry.acme.example"].client_certificate
    assert (settings.client_certificate, settings.client_key) == (None, None)


def _registries(written: str) -> Mapping[str, RegistrySettings]:
    content = f"version: 1\notherwise: allow\nregistries: {written}\n".encode()
    return load_rules({"auditor.yaml": content}.get, None, today=date(2026, 1, 1)).registries
