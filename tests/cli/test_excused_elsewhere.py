"""What is excused at one place is not excused at another: copies and new deployers of an image that base tolerates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.house import House
from tests.cli.test_no_way_around import flux, loads
from tests.support import repositories

_IN = "  - {{match: '{host}/acme/**', in: '{where}/**', signed-by: release, pinned: ignore}}\n"


def test_a_copy_of_what_the_baseline_knows_is_new(house: House) -> None:
    unsigned = house.images.pod("unsigned")
    repositories.commit(house.repo, {**house.base, "dev/pod.yaml": unsigned})
    assert house.run("baseline", ".").status == 0
    repositories.commit(house.repo, {})
    assert house.run("check", ".", "-f", "json").status == 0, "the whole tree, as it was at adoption"
    house.git("checkout", "--quiet", "-b", "change")
    house.commit({"prod/pod.yaml": unsigned})
    ran = house.check()
    assert (ran.status, ran.rules) == (1, ["unsigned-image"])


@pytest.mark.parametrize("entries", [("clusters/dev",), ("clusters/prod", "clusters/dev")])
def test_an_ignore_for_development_does_not_hold_for_production(house: House, entries: tuple[str, ...]) -> None:
    images = house.images
    until = (datetime.now(UTC) + timedelta(days=60)).date()
    ignored = images.pod("unsigned").rstrip() + f'  # auditor: ignore[unsigned-image] until={until} reason="try it"\n'
    house.commit_base(
        {
            "auditor.yaml": images.rules(
                images="".join(_IN.format(host=images.registry.host, where=each) for each in entries)
            ),
            "clusters/dev/kustomization.yaml": loads("pod.yaml"),
            "clusters/dev/pod.yaml": ignored,
            "clusters/prod/kustomization.yaml": loads("api.yaml"),
            "clusters/prod/api.yaml": images.pod("api"),
        }
    )
    house.commit({"clusters/prod/dev.yaml": flux("./clusters/dev")})
    ran = house.check()
    assert (ran.status, "unsigned-image" in ran.rules, "waiver-added" in ran.rules) == (1, True, True)
