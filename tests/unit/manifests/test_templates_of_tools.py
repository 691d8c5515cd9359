"""Files that a tool reads before anybody applies them: what is told of them, and what is not."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: acme/api:1}]}\n"
RELEASES = """\
repositories: [{name: acme, url: "https://charts.acme.example"}]
releases:
- {name: cache, chart: acme/cache, version: 1.2.3}
"""


def one(path: str, text: str) -> Inventory:
    return inventory(MemoryTree({path: text.encode()}, "tree"), ManifestSettings())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'#@ load("@ytt:data", "data")\n---\n{POD}', 1),
        (f"---\n{POD}#@data/values\n", 6),
        (POD.replace("image: acme/api:1", "image: acme/api:1, #@ data.values.more\n x: 1"), 4),
        (f"{POD}#@overlay/match missing_ok=True\n", 5),
        (f"#@ for each in data.values.images:\n{POD}#@ end\n", 1),
    ],
    ids=["load", "values", "value", "overlay", "loop"],
)
def test_what_ytt_reads_in_comments_is_told_with_its_line_and_what_is_written_is_read(text: str, line: int) -> None:
    found = one("apps/pod.yaml", text)
    (gap,) = found.gaps
    assert (gap.rule, gap.what, gap.place.file, gap.place.line) == ("unrendered", "ytt template", "apps/pod.yaml", line)
    assert "ytt -f apps | auditor check -" in gap.help
    assert [use.reference for use in found.uses] == ["acme/api:1"]


@pytest.mark.parametrize(
    "comment", ["## @param image the image", "#@ is an at sign", "# see #@data", "#@reviewer please"]
)
def test_other_comments_say_nothing(comment: str) -> None:
    assert not one("pod.yaml", f"{comment}\n{POD}").gaps


@pytest.mark.parametrize("path", ["helmfile.yaml", "infra/helmfile.d/10-cache.yaml", "helmfile.d/cache.yml"])
def test_every_file_of_a_helmfile_in_parts_names_its_charts(path: str) -> None:
    (gap,) = one(path, RELEASES).gaps
    assert (gap.rule, gap.place.file, gap.place.line) == ("unrendered", path, 3)
    assert "acme/cache (1.2.3)" in gap.why


def test_the_same_text_elsewhere_is_no_helmfile() -> None:
    assert not one("values/cache.yaml", RELEASES).gaps
