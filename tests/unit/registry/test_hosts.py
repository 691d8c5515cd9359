from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auditor.registry.hosts import Origin, is_internal, is_link_local, is_loopback, objection

PIECES = st.sampled_from(
    [
        "https",
        "HTTP",
        "ftp",
        ":",
        "//",
        "://",
        "/",
        "\\",
        "?",
        "#",
        "@",
        "[",
        "]",
        "::1",
        "r.acme.example",
        "R.",
        ":80",
        ":x",
        "%2f",
        "\t",
        "\n",
        " ",
        "é",
        ".",
    ]
)


@given(st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=30))
@example("https://r.acme.example#@other.example/")
@example("https://r.acme.example\\@other.example/")
@example("ht\ttps:/\t/r.acme.example/")
def test_the_origin_of_a_url_is_that_of_its_beginning(url: str) -> None:
    """What is behind host and port is not looked at, which must change nothing."""
    assert _begun(url) == _whole(url)


def _begun(url: str) -> Origin | None:
    try:
        return Origin.of(url)
    except ValueError:
        return None


def _whole(url: str) -> Origin | None:
    """By all of the URL at once."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return Origin(parts.scheme, parts.hostname.rstrip("."), port or {"http": 80, "https": 443}[parts.scheme])


REGISTRY = Origin.of("https://registry.acme.example")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "::1", "[::1]", "::ffff:127.0.0.1", "localhost", "LOCALHOST", "127.0.0.1.",
        "169.254.169.254", "fe80::1", "fe80::1%eth0", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd00::1", "::", "100.64.0.1", "224.0.0.1",
    ],
)  # fmt: skip
def test_internal_addresses_in_every_spelling(host: str) -> None:
    assert is_internal(host)


@pytest.mark.parametrize(
    "host", ["ghcr.io", "8.8.8.8", "2001:4860:4860::8888", "localhost.acme.example", "10.acme.example", "1e100.net"]
)
def test_public_hosts(host: str) -> None:
    assert not is_internal(host)
    assert not is_loopback(host)


def test_link_local() -> None:
    assert is_link_local("169.254.169.254")
    assert is_link_local("fe80::1%eth0")
    assert not is_link_local("10.0.0.1")


@pytest.mark.parametrize(
    "target",
    [
        "http://auth.acme.example/token",
        "ftp://auth.acme.example/token",
        "file:///etc/passwd",
        "/token",
        "",
        "https://user:secret@auth.acme.example/",
        "https://169.254.169.254/latest/meta-data",
        "https://[fe80::1]/",
        "https://127.0.0.1:6443/",
        "https://localhost/",
        "https://2852039166/",
        "https://registry.acme.example:bad/",
    ],
)
def test_hosts_that_are_not_asked_because_somebody_names_them(target: str) -> None:
    assert objection(target, REGISTRY) is not None


@pytest.mark.parametrize(
    "target",
    ["https://auth.acme.example/token", "https://registry.acme.example/token", "https://REGISTRY.acme.example:443/"],
)
def test_hosts_that_may_be_named(target: str) -> None:
    assert objection(target, REGISTRY) is None


def test_the_registry_itself_and_what_the_configuration_names() -> None:
    own = Origin.of("http://127.0.0.1:5000")
    assert objection("http://127.0.0.1:5000/token", own) is None
    assert objection("http://127.0.0.1:5001/token", own) is not None
    assert objection("http://127.0.0.1:5001/token", own, ("127.0.0.1:5001",)) is None
    assert objection("https://10.1.2.3/token", REGISTRY, ("10.1.2.3",)) is None
    assert objection("http://10.1.2.3/token", REGISTRY, ("10.1.2.3",)) == "it leaves https"


@pytest.mark.parametrize("url", ["https://", "https://a.example:99999/", "gopher://a.example", "https://a@b.example"])
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|[Pp]ort"):
        Origin.of(url)


def test_authority_leaves_out_the_usual_port() -> None:
    assert Origin.of("https://a.example:443").authority == "a.example"
    assert Origin.of("http://a.example:443").authority == "a.example:443"
    assert str(Origin.of("https://[2001:db8::1]:5000/x")) == "https://[2001:db8::1]:5000"
