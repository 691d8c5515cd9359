"""A fleet on disk: its repositories, the file that lists them, and the rules that judge all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from msgspec import Struct

from benchmarks.fleet import deal, repositories
from benchmarks.fleet.catalogue import HOSTS, Image, catalogue, with_digests
from benchmarks.fleet.registry import SIGNER, Served

_RULES: Final = """\
version: 1
signers:
  acme: {{github: {signer}}}
images:
{images}registries:
{registries}trust:
  - {{file: trusted_root.json}}
"""


class Size(Struct, frozen=True):
    """How many repositories, distinct images, and manifests in each repository; `seed` chooses which fleet of that size."""

    repositories: int
    images: int
    manifests: int = 40
    seed: int = 1


class Fleet(Struct, frozen=True):
    """Repositories under `folder`, `images` as their registries have them now, in the order of the plan."""

    folder: Path
    plan: deal.Plan
    images: tuple[Image, ...]

    @classmethod
    def make(cls, folder: Path, served: Served, size: Size) -> Self:
        """Sign and push the images, and write the repositories."""
        listed = catalogue(size.images, size.seed)
        images = with_digests(listed, served.put(listed))
        fleet = cls(folder, deal.deal(size.repositories, size.manifests, size.images, size.seed), images)
        for index in range(size.repositories):
            repositories.create(fleet.repository(index), deal.files(fleet.plan, images, index))
        _write_rules(folder, served)
        return fleet

    def repository(self, index: int) -> Path:
        """Where one repository is."""
        return self.folder / "repositories" / f"team-{index:04}.git"

    def listed(self, count: int | None = None, *, transport: str = "path") -> Path:
        """The file that names the first so many repositories, by their paths or as `file://`."""
        count = len(self.plan.places) if count is None else count
        target = self.folder / f"{transport}-{count}.txt"
        start = "file://" if transport == "file" else ""
        target.write_text("".join(f"{start}{self.repository(index)}\n" for index in range(count)))
        return target

    @property
    def rules(self) -> Path:
        """The rules that judge all repositories."""
        return self.folder / "auditor.yaml"

    def deployed(self, indices: Sequence[int], night: deal.Night | None = None) -> tuple[Image, ...]:
        """The distinct images of some repositories, at first or after a night."""
        images: dict[str, Image] = {}
        for index in indices:
            instead = night.committed.get(index, {}) if night else {}
            for place, number in enumerate(self.plan.places[index]):
                image = instead.get(place, self.images[number])
                images[image.reference] = image
            if night and index in night.added:
                images[night.added[index].reference] = night.added[index]
        return tuple(images.values())

    def pass_night(self, night: deal.Night, served: Served) -> None:
        """Let a night happen in registries and repositories."""
        served.put(night.fresh())
        served.put(night.moved)
        served.strip(night.stripped)
        for index in night.committed:
            before = deal.files(self.plan, self.images, index)
            repositories.commit(self.repository(index), before, deal.files(self.plan, self.images, index, night))


def _write_rules(folder: Path, served: Served) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trusted_root.json").write_text(served.trusted_root)
    images = "".join(f"  - {{match: '{host}/**', signed-by: acme, pinned: ignore}}\n" for host in HOSTS)
    mirrors = "".join(f"  {host}: {{mirror: '{served.addresses[host]}/{host}'}}\n" for host in HOSTS)
    (folder / "auditor.yaml").write_text(_RULES.format(signer=SIGNER, images=images, registries=mirrors))
