"""Symlinks by which a change deploys what stands under a name that nobody reads, or in a folder that is left out."""

from __future__ import annotations

import pytest

from tests.cli.house import House
from tests.cli.test_no_way_around import loads

_RULES = "manifests: {exclude: ['test/**'], also: [dockerfile, compose]}\n"


def linked(house: House, link: str, target: str, content: str) -> None:
    """A change with a symlink, where base has the target with nothing in it."""
    house.commit_base({"auditor.yaml": house.images.rules(_RULES)})
    path = house.repo / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    house.commit({target: content})


@pytest.mark.parametrize("target", ["manifest.txt", "test/manifest.yaml"])
def test_a_manifest_under_another_name_is_read(house: House, target: str) -> None:
    linked(house, "pod.yaml", target, house.images.pod("wrong"))
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})


@pytest.mark.parametrize("narrow", [(), ("--changed-only",)])
def test_what_an_old_link_leads_to_is_read_where_it_changes(house: House, narrow: tuple[str, ...]) -> None:
    house.commit_base({"auditor.yaml": house.images.rules(_RULES), "deep/manifest.txt": house.images.pod("api")})
    house.git("checkout", "--quiet", "main")
    (house.repo / "pod.yaml").symlink_to("deep/manifest.txt")
    house.commit({"README": "a link"})
    house.git("checkout", "--quiet", "-B", "change")
    house.commit({"deep/manifest.txt": house.images.pod("api", "wrong")})
    ran = house.check(*narrow)
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})


def test_a_dockerfile_under_another_name_is_read(house: House) -> None:
    linked(house, "Dockerfile", "build.txt", f"FROM {house.images.ref('wrong')}\n")
    ran = house.check()
    assert (ran.status, ran.verdicts) == (1, {"wrong": "wrong-signer"})


def test_a_link_to_a_manifest_is_not_read_twice(house: House) -> None:
    house.commit_base()
    (house.repo / "again.yaml").symlink_to("prod/pod.yaml")
    house.commit({"prod/kustomization.yaml": loads("pod.yaml"), "prod/pod.yaml": house.images.pod("web")})
    ran = house.check()
    (image,) = (each for each in ran.report["images"] if each["verdict"])
    assert (ran.status, len(image["uses"])) == (0, 1)
