"""Where requests go: endpoints, proxies, pauses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from auditor.config.rules import RegistrySettings
from auditor.model.reference import Reference
from auditor.registry.endpoint import by_authority, of_image, of_signatures
from auditor.registry.hosts import Origin
from auditor.registry.pace import retry_after
from auditor.registry.proxies import proxy_for

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("reference", "settings", "expected"),
    [
        ("nginx", {}, "https://registry-1.docker.io/v2/library/nginx/manifests/latest"),
        ("ghcr.io/acme/api:1", {}, "https://ghcr.io/v2/acme/api/manifests/1"),
        ("127.0.0.1:5000/a:1", {}, "http://127.0.0.1:5000/v2/a/manifests/1"),
        ("localhost:5000/a:1", {}, "http://localhost:5000/v2/a/manifests/1"),
        ("[::1]:5000/a:1", {}, "http://[::1]:5000/v2/a/manifests/1"),
        ("127.0.0.1:5000/a:1", {"ca_pem": b"x"}, "https://127.0.0.1:5000/v2/a/manifests/1"),
        ("10.0.0.1:5000/a:1", {}, "https://10.0.0.1:5000/v2/a/manifests/1"),
        ("r.acme.example:5000/a:1", {"plain_http": True}, "http://r.acme.example:5000/v2/a/manifests/1"),
        ("ghcr.io/acme/api:1", {"mirror": "mirror.acme.example/ghcr"}, "https://mirror.acme.example/v2/ghcr/acme/api/manifests/1"),
        ("ghcr.io/acme/api:1", {"mirror": "mirror.acme.example"}, "https://mirror.acme.example/v2/acme/api/manifests/1"),
    ],
)  # fmt: skip
def test_where_an_image_is_asked_for(reference: str, settings: dict[str, object], expected: str) -> None:
    read = Reference.parse(reference)
    made = {read.host: RegistrySettings(read.host, **settings)}  # type: ignore[arg-type]
    assert of_image(read, made).url("manifests", read.asks_for) == expected


def test_where_signatures_are_asked_for() -> None:
    read = Reference.parse("ghcr.io/acme/api:1")
    own = {"ghcr.io": RegistrySettings("ghcr.io", signatures="sigs.acme.example/all/signatures")}
    assert of_signatures(read, own).url("manifests", "t") == "https://sigs.acme.example/v2/all/signatures/manifests/t"
    assert of_signatures(read, {}) == of_image(read, {})


def test_settings_of_docker_hub_are_those_of_its_registry() -> None:
    hub = RegistrySettings("docker.io", ca_pem=b"x")
    assert by_authority({"docker.io": hub})["registry-1.docker.io"] is hub
    assert by_authority({}) == {}


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://ghcr.io", "", False),
        ("https://ghcr.io", "*", True),
        ("https://ghcr.io", "ghcr.io", True),
        ("https://ghcr.io", ".io", True),
        ("https://notghcr.io", "ghcr.io", False),
        ("https://a.ghcr.io", "ghcr.io", True),
        ("https://r.example:5000", "r.example:5000", True),
        ("https://r.example:5001", "r.example:5000", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8, nonsense/99", False),
        ("http://127.0.0.1:5000", "", True),
        ("http://localhost:5000", "", True),
    ],
)
def test_proxies(url: str, no_proxy: str, direct: bool) -> None:
    environ = {
        "https_proxy": "proxy.acme.example:3128",
        "HTTP_PROXY": "http://proxy.acme.example:3128",
        "NO_PROXY": no_proxy,
    }
    expected = None if direct else "http://proxy.acme.example:3128"
    assert proxy_for(Origin.of(url), environ) == expected


def test_no_proxy_without_a_variable() -> None:
    assert proxy_for(Origin.of("https://ghcr.io"), {}) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("3", 3.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, 999999999.0),
    ],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after(header, NOW) == expected
