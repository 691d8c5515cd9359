"""A change that turns a deployer to another repository, revision or values is seen, though the path stays the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from auditor.manifests.graph.origins import moved, revalued
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.memory import MemoryTree

APP = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: NAME}
spec:
  source: {repoURL: https://github.com/acme/gitops, path: apps, targetRevision: HEAD}
"""
WEB = APP.replace("NAME", "web")
FLUX = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {url: https://github.com/acme/gitops, ref: {branch: main}}
"""


def tree(files: dict[str, str]) -> MemoryTree:
    return MemoryTree({path: text.encode() for path, text in files.items()}, "memory")


def gaps(before: dict[str, str], after: dict[str, str]) -> list[str]:
    changed = frozenset(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    return [gap.rule or "" for gap in moved((tree(before),), tree(after), changed)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(WEB, WEB.replace("acme/gitops", "evil/gitops"), id="another repository"),
        pytest.param(WEB, WEB.replace("HEAD", "evil"), id="another revision"),
        pytest.param(FLUX, FLUX.replace("name: flux-system}}", "name: evil}}"), id="another source of Flux"),
        pytest.param(FLUX, FLUX.replace("acme/gitops", "evil/gitops"), id="another address of Flux's source"),
        pytest.param(FLUX, FLUX.replace("main", "evil"), id="another branch of Flux's source"),
    ],
)
def test_a_deployer_that_is_turned_elsewhere_is_a_gap(old: str, new: str) -> None:
    assert gaps({"a.yaml": old}, {"a.yaml": new}) == ["unrendered"]
    assert gaps({"a.yaml": old}, {"b.yaml": new}) == ["unrendered"], "in another file too"


def test_a_new_deployer_of_another_repository_is_a_gap() -> None:
    other = APP.replace("NAME", "other").replace("acme/gitops", "evil/gitops")
    assert gaps({"a.yaml": WEB}, {"a.yaml": WEB, "b.yaml": other}) == ["unrendered"]


@pytest.mark.parametrize(
    "spelling",
    ["git@github.com:acme/gitops.git", "ssh://git@github.com/acme/gitops", "https://github.com/acme/gitops/"],
)
def test_a_new_deployer_of_the_same_repository_is_none(spelling: str) -> None:
    other = APP.replace("NAME", "other").replace("https://github.com/acme/gitops", spelling)
    assert gaps({"a.yaml": WEB}, {"a.yaml": WEB, "b.yaml": other}) == []


def test_what_is_moved_or_edited_elsewhere_is_none() -> None:
    assert gaps({"a.yaml": WEB}, {"b.yaml": WEB}) == []
    assert gaps({"a.yaml": WEB}, {"a.yaml": WEB + "  project: default\n"}) == []


RELEASE = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec: {valuesFrom: [{kind: ConfigMap, name: web-values}]}
"""
VALUES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-values}\ndata: {values.yaml: 'a: 1'}\n"


def test_values_that_change_in_another_file_are_a_gap_where_the_chart_is_not_rendered() -> None:
    head = tree({"web.yaml": RELEASE, "other.yaml": "a: 1\n", "values.yaml": VALUES})
    chart = Gap(Place("web.yaml", 4), "helm chart", "not rendered", rule="unrendered")
    assert [gap.place.file for gap in revalued(head, [chart], frozenset({"values.yaml"}))] == ["web.yaml"]
    assert list(revalued(head, [chart], frozenset({"other.yaml"}))) == []
    assert list(revalued(head, [], frozenset({"values.yaml"}))) == [], "a chart that is rendered shows what changes"


def test_what_the_content_of_a_gap_says_is_not_told_again() -> None:
    head = tree({"web.yaml": RELEASE, "values.yaml": VALUES})
    chart = Gap(Place("web.yaml", 4), "helm chart", "HelmRelease web deploys chart web", "unrendered", content="new")
    changed = frozenset({"values.yaml"})
    assert list(revalued(head, [chart], changed, [replace(chart, content="old")])) == []
    assert len(list(revalued(head, [chart], changed, [chart]))) == 1


OCI = """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: web}
spec: {url: oci://charts.acme.example/web, ref: {tag: 1.2.3}}
"""
CHOSEN = """\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
"""


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ("  chartRef: {kind: OCIRepository, name: web}\n", OCI),
        (
            "  chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: web}}}\n",
            OCI.replace("OCIRepository", "HelmRepository"),
        ),
        ("  chart: {spec: {chart: web, valuesFiles: [source.yaml], sourceRef: {kind: Bucket, name: x}}}\n", "a: b\n"),
    ],
)
def test_a_chart_that_another_file_chooses_is_a_gap_when_that_changes(spec: str, source: str) -> None:
    """The version of the chart stands in a file of its own: whoever changes it deploys other images."""
    head = MemoryTree({"release.yaml": (CHOSEN + spec).encode(), "source.yaml": source.encode()}, "head")
    chart = Gap(Place("release.yaml", 1), "helm chart", "unknown", rule="unrendered")
    (gap,) = revalued(head, [chart], frozenset({"source.yaml"}))
    assert gap.place.file == "release.yaml"
    assert gap.rule == "unrendered"
    assert list(revalued(head, [chart], frozenset({"other.yaml"}))) == []


def test_a_new_deployer_of_another_revision_is_a_gap() -> None:
    """Only what base already takes from there is known to be this tree."""
    other = APP.replace("NAME", "other").replace("HEAD", "evil")
    assert gaps({"a.yaml": WEB}, {"a.yaml": WEB, "b.yaml": other}) == ["unrendered"]
    assert gaps({"a.yaml": WEB}, {"a.yaml": other}) == ["unrendered"], "under another name"
    assert gaps({"a.yaml": WEB}, {"a.yaml": WEB, "b.yaml": APP.replace("NAME", "other")}) == []


def test_a_new_deployer_of_another_source_of_flux_is_a_gap() -> None:
    """The path is in this tree, and what is deployed is what the other repository has there."""
    web, source = FLUX.replace("name: web", "name: other").split("---\n")
    other = web.replace("name: flux-system}}", "name: evil}}")
    theirs = source.replace("{name: flux-system,", "{name: evil,").replace("acme/gitops", "evil/gitops")
    assert gaps({"a.yaml": FLUX}, {"a.yaml": FLUX, "b.yaml": f"{other}---\n{theirs}"}) == ["unrendered"]
    assert gaps({"a.yaml": FLUX}, {"a.yaml": FLUX, "b.yaml": other}) == ["unrendered"]
    assert gaps({"a.yaml": FLUX}, {"a.yaml": FLUX, "b.yaml": web}) == []


def test_a_source_that_base_takes_from_and_that_comes_into_the_tree_is_a_gap() -> None:
    web, source = FLUX.split("---\n")
    assert gaps({"a.yaml": web}, {"a.yaml": web, "b.yaml": source}) == ["unrendered"]


@pytest.mark.parametrize(
    ("old", "written", "evil"),
    [
        (
            WEB,
            WEB.replace("argoproj.io", "argopr\\x6fj.io").replace("argo", '"argo').replace("alpha1", 'alpha1"'),
            "acme/",
        ),
        (FLUX, FLUX.replace("source.toolkit.fluxcd.io/v1", '"source.t\\x6folkit.fluxcd.io/v1"'), "acme/"),
    ],
    ids=["Argo CD", "Flux"],
)
def test_escapes_hide_no_turn(old: str, written: str, evil: str) -> None:
    assert gaps({"a.yaml": old}, {"a.yaml": written.replace(evil, "evil/")}) == ["unrendered"]
