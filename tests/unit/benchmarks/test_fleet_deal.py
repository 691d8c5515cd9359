"""The generator of fleets: the same each time, every image somewhere, few of them everywhere."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml
from msgspec.structs import replace

from benchmarks.fleet import deal
from benchmarks.fleet.catalogue import Form, catalogue

SEED = 7
IMAGES = tuple(replace(image, digest=f"sha256:{number:064x}") for number, image in enumerate(catalogue(120, SEED)))
PLAN = deal.deal(40, 40, 120, SEED)


def whole(night: deal.Night | None = None) -> list[dict[str, str]]:
    return [deal.files(PLAN, IMAGES, index, night) for index in range(len(PLAN.places))]


def test_the_same_seed_makes_the_same_fleet_and_another_seed_another() -> None:
    assert catalogue(120, SEED) == catalogue(120, SEED)
    assert deal.deal(40, 40, 120, SEED) == PLAN
    assert whole() == whole()
    assert catalogue(120, SEED + 1) != catalogue(120, SEED)
    assert deal.deal(40, 40, 120, SEED + 1) != PLAN


def test_no_two_images_are_the_same_and_shares_are_those_that_were_counted() -> None:
    images = catalogue(4000, SEED)
    assert len({image.key for image in images}) == len({image.reference for image in images}) == 4000
    share = {
        "latest": sum(image.tag == "latest" for image in images) / 4000,
        "untagged": sum(not image.tag for image in images) / 4000,
        "pinned": sum(image.pinned for image in images) / 4000,
    }
    assert all(abs(share[name] - aim) < 0.03 for name, aim in (("latest", 0.16), ("untagged", 0.07), ("pinned", 0.11)))
    assert {image.form for image in images} == set(Form)


def test_every_image_is_deployed_and_few_are_deployed_often() -> None:
    uses = Counter(image for places in PLAN.places for image in places)
    assert PLAN.used() == set(range(120))
    most = [count for _, count in uses.most_common()]
    assert most[0] >= 5 * most[len(most) // 2]


@pytest.mark.slow
def test_files_are_manifests_as_many_as_were_asked_for_and_parse() -> None:
    for files in whole():
        manifests = [text for path, text in files.items() if path.endswith(".yaml")]
        assert 40 <= len(manifests) <= 48
        for text in manifests:
            assert all(isinstance(document, dict) for document in yaml.safe_load_all(text))


def test_a_night_changes_the_repositories_it_names_and_no_other_byte() -> None:
    night = deal.night(PLAN, IMAGES, 0.1)
    assert len(night.committed) == 4
    changed = 0
    for index, (before, after) in enumerate(zip(whole(), whole(night), strict=True)):
        differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert bool(differing) == (index in night.committed)
        assert len(differing) <= 3 * 2 + 1  # places of one image may share a file, and an added one has its own
        changed += len(differing)
    assert changed >= 8


def test_a_night_moves_tags_takes_signatures_away_and_never_both_of_one_image() -> None:
    night = deal.night(PLAN, IMAGES, 0.1)
    assert len(night.moved) == 6
    assert all(not image.pinned and image.version == 2 for image in night.moved)
    assert night.stripped
    assert all(image.form is not Form.UNSIGNED for image in night.stripped)
    assert not {image.key for image in night.moved} & {image.key for image in night.stripped}
    assert all(image.tag for image in night.fresh())
