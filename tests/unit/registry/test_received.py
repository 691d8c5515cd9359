"""Answers as they came: headers by lower-case names, no cookies, no encodings."""

from __future__ import annotations

import pytest

from auditor.registry.faults import Failed
from auditor.registry.transport import Received


def received(*headers: tuple[str, str]) -> Received:
    return Received(200, headers, b"body", "ghcr.io")


def test_headers_read_as_httpx_reads_them() -> None:
    answer = received(
        ("Docker-Content-Digest", "sha256:aa"),
        ("Link", "<a>"),
        ("link", "<b>"),
        ("X-Name", "Mönch".encode().decode("latin-1")),
        ("X-Other", "M\xf6nch"),
    )
    assert answer.headers == {
        "docker-content-digest": "sha256:aa",
        "link": "<a>, <b>",
        "x-name": "Mönch",
        "x-other": "M\xf6nch",
    }
    assert answer.response().headers["link"] == answer.headers["link"]
    assert answer.response().content == answer.content


def test_cookies_are_not_kept() -> None:
    answer = received(("Set-Cookie", "a=b"), ("set-cookie", "c=d"), ("ETag", '"x"'))
    assert answer.headers == {"etag": '"x"'}
    assert "set-cookie" not in answer.response().headers


@pytest.mark.parametrize("encoding", ["gzip", " BR ", "identity, gzip"])
def test_what_is_encoded_is_refused(encoding: str) -> None:
    with pytest.raises(Failed, match="compressed its answer"):
        received(("content-encoding", encoding))


@pytest.mark.parametrize("encoding", ["", "Identity"])
def test_what_says_that_it_is_not_encoded_is_taken(encoding: str) -> None:
    assert received(("Content-Encoding", encoding)).content == b"body"
