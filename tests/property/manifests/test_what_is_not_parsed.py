"""Kustomizations that are not parsed: what they load, and say of it, still decides as if they were."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.config.rules import ManifestSettings
from auditor.manifests.contents import Pieces, read_contents
from auditor.manifests.extract import kinds
from auditor.manifests.files import Shared
from auditor.manifests.reach.reach import Reach, reach
from auditor.manifests.skeleton import Pruner
from auditor.manifests.text import prefilter
from auditor.source.differ import differing
from auditor.source.memory import MemoryTree
from tests.support.changes import gating

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: a, image: nginx:1}]}\n"
NOTHING = "images: [{name: other, newTag: '2'}]\n"
"""An override without effect: a gap."""
FLUX = (
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: f}\n"
    "spec: {path: ./b, sourceRef: {kind: GitRepository, name: g}}\n"
)
Files = dict[str, str]
GENERATOR = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: c}\nfiles: [a.txt]\n"
TAG = "apiVersion: builtin\nkind: ImageTagTransformer\nmetadata: {name: t}\nimageTag: {name: redis, %s}\n"
POD_IN_FLOW = "apiVersion: v1, kind: Pod, metadata: {name: y}, spec: {containers: [{name: a, image: 'evil:1'}]}"


def kustomization(*resources: str, more: str = "") -> str:
    return f"resources: {json.dumps(resources)}\n{more}"


def same(base: Files, head: Files) -> tuple[set[str], set[str], str]:
    """What is new, and what gates; the same as if everything were read."""
    old, new = ({path: text.encode() for path, text in files.items()} for files in (base, head))
    narrow = gating(old, new, narrow=True)
    assert narrow.same(gating(old, new, narrow=False))
    return {use.reference for use in narrow.added}, {finding.rule for finding in narrow.findings}, narrow.why


BASE = {
    "r/kustomization.yaml": kustomization("../g"),
    "g/kustomization.yaml": kustomization("pod.yaml", more=NOTHING),
    "g/pod.yaml": POD,
    "k/kustomization.yaml": kustomization("own.yaml"),
    "k/own.yaml": POD.replace("nginx", "redis"),
}


def test_a_gap_that_a_root_elsewhere_has_is_not_new() -> None:
    """Nothing that the change reaches names `r`, which says the same of `g`."""
    head = {**BASE, "k/kustomization.yaml": kustomization("own.yaml", "../g")}
    added, rules, why = same(BASE, head)
    assert (added, rules, why) == ({"nginx:1"}, set(), "")


def test_a_gap_that_nobody_has_is_new() -> None:
    base = {path: text for path, text in BASE.items() if not path.startswith("r/")}
    base["g/kustomization.yaml"] = kustomization("pod.yaml")
    head = {**base, "k/kustomization.yaml": kustomization("own.yaml", "../g", more=NOTHING)}
    assert same(base, head)[1] == {"override-without-effect"}


def test_an_entry_point_that_becomes_a_part_says_what_it_said() -> None:
    base = {**BASE, "k/kustomization.yaml": kustomization("../r")}
    head = {**base, "k/kustomization.yaml": kustomization("../g")}
    same(base, head)
    same(head, base)


def test_what_a_touched_kustomization_no_longer_loads_is_read_as_an_entry_point() -> None:
    base = {**BASE, "k/kustomization.yaml": kustomization("own.yaml", "../g")}
    base.pop("r/kustomization.yaml")
    head = {**base, "k/kustomization.yaml": kustomization("own.yaml")}
    assert same(base, head)[0] == {"nginx:1"}


def test_a_circle_that_nobody_enters_any_more() -> None:
    base = {
        "k/kustomization.yaml": kustomization("../z"),
        "z/kustomization.yaml": kustomization("../b", "pod.yaml"),
        "z/pod.yaml": POD,
        "b/kustomization.yaml": kustomization("../z"),
    }
    same(base, {**base, "k/kustomization.yaml": kustomization()})
    same({**base, "k/kustomization.yaml": kustomization()}, base)


def test_a_long_way_up() -> None:
    base = {f"d{number}/kustomization.yaml": kustomization(f"../d{number + 1}") for number in range(150)}
    base |= {"d150/kustomization.yaml": kustomization("pod.yaml"), "d150/pod.yaml": POD}
    base["e/kustomization.yaml"] = kustomization("../d100")
    added, _, why = same(base, {**base, "d150/pod.yaml": POD.replace(":1", ":2")})
    assert (added, why) == ({"nginx:2"}, "")


@pytest.mark.parametrize("name", ["deploy.txt", "kustomization.yaml", "Kustomization", "it's", "größe"])
@pytest.mark.parametrize("loaded", [True, False])
def test_a_deployer_in_a_file_of_another_name(name: str, *, loaded: bool) -> None:
    """It deploys where a kustomization loads it, and only there, unless its name ends as manifests do."""
    base = {**BASE, f"a/b/{name}": FLUX, "b/pod.yaml": POD}
    base["a/kustomization.yaml"] = kustomization(f"b/{name}") if loaded else kustomization()
    head = {**base, "k/own.yaml": POD}
    same(base, head)
    trees = [MemoryTree({path: text.encode() for path, text in files.items()}, "t") for files in (base, head)]
    why = reach(trees, ManifestSettings(), Shared(), frozenset({"k/own.yaml"}), rendered=True)
    assert (why == f"a/b/{name} deploys by rules of its own") is (loaded or name.endswith(".yaml"))


@pytest.mark.parametrize("where", ["README.md", "k/own.yaml"])
def test_a_deployer_that_the_change_brings(where: str) -> None:
    """What nobody loads is no manifest, whatever it says."""
    why = same(BASE, {**BASE, where: FLUX})[2]
    assert bool(why) is where.endswith(".yaml")


def parsed(base: Files, head: Files) -> set[str]:
    """The directories of the kustomizations that finding out what a change reaches parsed."""
    trees = (MemoryTree({path: text.encode() for path, text in files.items()}, "t") for files in (base, head))
    old, new = trees
    shared = Shared()
    assert isinstance(reach((old, new), ManifestSettings(), shared, differing(old, new)), Reach)
    return {path.rpartition("/")[0] for path, _ in shared.documents}


def test_only_the_closure_is_parsed() -> None:
    """However many others there are with the same names in them."""
    base: Files = {}
    for team in range(50):
        base[f"team-{team}/base/kustomization.yaml"] = kustomization("apps.yaml")
        base[f"team-{team}/base/apps.yaml"] = POD.replace("nginx", f"app-{team}")
        base[f"team-{team}/staging/kustomization.yaml"] = kustomization("../base")
    base["all/kustomization.yaml"] = kustomization("../team-7/staging", "../team-8/staging")
    head = {**base, "team-7/base/apps.yaml": POD}
    assert parsed(base, head) == {"team-7/base", "team-7/staging", "all"}
    assert same(base, head)[2] == ""


DOCUMENTS = (
    POD,
    POD.replace("nginx:1", "redis:2"),
    "kind: [\nimage: x\n",
    "a: &a [*a]\nimage: y:1\n",
    "apiVersion: acme.example/v1\nkind: App\nspec: {a: &x {image: z:1}, b: *x}\n",
    "# nothing\n",
    "... \nimage: q:1\n",
)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(DOCUMENTS), max_size=5).map("---\n".join), min_size=2, max_size=4),
)
def test_versions_of_a_file_are_read_together_as_alone(versions: list[str]) -> None:
    table, known = kinds.load({}), Pieces()

    def pruner() -> Pruner:
        return Pruner(table, prefilter(table.words))

    for text in versions:
        content = text.encode()
        together = read_contents(content, "a.yaml", pruner(), known)
        assert repr(together) == repr(read_contents(content, "a.yaml", pruner()))


OTHER = "kustomization.yaml"
"""The name, for files that are none."""


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ({f"s/{OTHER}": POD}, {f"s/{OTHER}": POD.replace("nginx", "evil")}),
        ({f"s/{OTHER}": kustomization()}, {f"s/{OTHER}": POD.replace("nginx", "evil")}),
        ({f"s/{OTHER}": kustomization()}, {"s/kustomization.yml": POD.replace("nginx", "evil")}),
        (
            {f"s/{OTHER}": POD, "s/p.yaml": POD},
            {f"s/{OTHER}": kustomization("p.yaml", more="images: [{name: nginx, newName: evil}]\n")},
        ),
        ({f"s/{OTHER}": f"  {POD.replace(chr(10), chr(10) + '  ')}"}, {f"s/{OTHER}": POD.replace("nginx", "evil")}),
        ({f"s/{OTHER}": kustomization()}, {f"s/{OTHER}": f"kind: Kustomization\nitems: [{{{POD_IN_FLOW}}}]\n"}),
    ],
)
def test_a_manifest_with_the_name_of_a_kustomization(base: Files, head: Files) -> None:
    added, _, why = same({**BASE, **base}, {**BASE, **base, **head})
    assert ({name.partition(":")[0] for name in added}, why) == ({"evil"}, "")


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (
            {
                "g/a.txt": "image: nginx:1\n",
                "g/kustomization.yaml": "Generators: [gen.yaml]\n",
                "g/gen.yaml": GENERATOR,
            },
            {"g/a.txt": "image: evil:1\n"},
        ),
        (
            {
                "g/kustomization.yaml": "Transformers: [../t]\nResources: [../k]\n",
                "t/kustomization.yaml": kustomization("t.yaml"),
                "t/t.yaml": TAG % "newTag: '1'",
            },
            {"t/t.yaml": TAG % "newName: evil"},
        ),
        (
            {"g/kustomization.yaml": "Resources: [../k]\nImages: [{name: evil, newTag: '2'}]\n"},
            {"k/own.yaml": POD.replace("nginx", "evil")},
        ),
    ],
)
def test_fields_in_another_case_are_seen_in_bytes(base: Files, head: Files) -> None:
    added, _, _ = same({**BASE, **base}, {**BASE, **base, **head})
    assert "evil" in {name.partition(":")[0] for name in added}
