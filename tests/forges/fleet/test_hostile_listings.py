"""Listings of a forge that means harm: none leads anywhere else, is read without end, or makes a shorter list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from auditor.limits import DEFAULT
from auditor.publish.organisations import Filters
from fixtures.forges.server import Asked, Reply
from tests.forges.fleet.test_organisations import Organisation, failure, listed, names, repository

LISTING = "/orgs/acme/repos$"


@pytest.fixture
def forge() -> Iterator[Organisation]:
    with Organisation([repository(f"acme/app-{number}") for number in range(3)]) as forge:
        yield forge


def spoiled(forge: Organisation, spoil: Callable[[Any], Any]) -> None:
    """The first repository of the list in another shape."""

    def answer(_asked: Asked, true: Reply | None) -> Reply | None:
        assert true is not None
        return replace(true, body=[spoil(true.body[0]), *true.body[1:]])

    forge.spoil(LISTING, answer, lost=True)


@pytest.mark.parametrize(
    "address",
    [
        "ext::sh -c id",
        "file:///etc",
        "http://169.254.169.254/x.git",
        "https://evil.example/acme/app-0.git",
        "--upload-pack=id",
        7,
    ],
)
def test_no_address_of_a_listing_is_believed(forge: Organisation, address: object) -> None:
    """What is read is made from the name and the server that we were given."""
    keys = ("clone_url", "git_url", "ssh_url", "html_url", "url", "mirror_url")
    spoiled(forge, lambda item: {**item, **dict.fromkeys(keys, address)})
    chosen = listed(forge, "github:acme")
    assert names(chosen) == ["acme/app-0", "acme/app-1", "acme/app-2"]
    assert {target.address for target in chosen.targets.found} == {
        f"https://github.com/acme/app-{n}.git" for n in range(3)
    }


@pytest.mark.parametrize(
    "name",
    [
        "../../etc", "acme/../x", "acme", "/acme/app", "acme//app", "acme/app/", "-x/y", "acme/-x", "acme/app#main", "acme/app?x=y",
        "acme/app@evil", "evil.example:22/x", "https://evil.example/x", "acme/a b", "acme/a\nb", "acme/\u202eppa", "", None, 7, ["acme/app"],
        "acme/" + "\x00",
    ],
)  # fmt: skip
def test_a_name_that_is_none_ends_the_listing(forge: Organisation, name: object) -> None:
    spoiled(forge, lambda item: {**item, "full_name": name})
    chosen = listed(forge, "github:acme")
    assert "repository without a name" in failure(chosen)


@pytest.mark.parametrize(
    "body",
    [{}, {"message": "x"}, "x", 7, None, [[]], [None], ["acme/app"], [7], "[" * 100_000, '[{"full_name":"acme/app-0"}', "<html>", "\xff"],
    ids=lambda body: repr(body)[:20],
)  # fmt: skip
def test_what_is_no_list_is_no_shorter_one(forge: Organisation, body: object) -> None:
    forge.spoil(LISTING, lambda _asked, _true: Reply(200, body))
    chosen = listed(forge, "github:acme")
    assert failure(chosen)


def test_flags_of_other_types_leave_nothing_out(forge: Organisation) -> None:
    """Only what is surely archived or a fork is left out."""
    spoiled(forge, lambda item: {**item, "archived": "true", "fork": 1, "topics": {"a": 1}, "private": False})
    assert len(names(listed(forge, "github:acme"))) == 3
    assert names(listed(forge, "github:acme", Filters(topics=("gitops",)))) == []


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest",
        "//evil.example/x",
        "file:///etc/passwd",
        "http://[",
        "javascript:x",
        "http://127.0.0.1:1/x",
    ],
)
def test_a_next_page_elsewhere_is_not_asked_for(forge: Organisation, target: str) -> None:
    def elsewhere(_asked: Asked, true: Reply | None) -> Reply | None:
        assert true is not None
        return replace(true, headers={"Link": f'<{target}>; rel="next"'})

    forge.spoil(LISTING, elsewhere, lost=True)
    chosen = listed(forge, "github:acme")
    assert "points to" in failure(chosen)


def test_a_page_that_is_too_large_is_not_read(forge: Organisation) -> None:
    forge.spoil(
        LISTING, lambda _asked, _true: Reply(200, '[{"full_name": "acme/' + "a" * (DEFAULT.forge_bytes + 1) + '"}]')
    )
    chosen = listed(forge, "github:acme")
    assert failure(chosen)


def test_pages_without_end_end(forge: Organisation) -> None:
    """Each names another one as the next."""

    def another(asked: Asked, true: Reply | None) -> Reply | None:
        assert true is not None
        page = asked.number("page", 1) + 1
        return replace(true, headers={"Link": f'<{forge.url}/orgs/acme/repos?page={page}>; rel="next"'})

    forge.spoil(LISTING, another, lost=True)
    chosen = listed(forge, "github:acme")
    assert "more repositories than" in failure(chosen)
    assert len(forge.told("GET", LISTING)) == DEFAULT.forge_pages


def test_a_token_follows_no_link(forge: Organisation) -> None:
    """Another server on this machine, which a link and a redirect name, is never asked."""
    with Organisation([]) as other:
        forge.spoil(LISTING, lambda _asked, _true: Reply(307, None, {"Location": f"{other.url}/orgs/acme/repos"}))
        assert "another host" in failure(listed(forge, "github:acme"))
        assert other.asked == []
