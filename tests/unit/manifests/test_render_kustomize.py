"""Roots built by the real kustomize: exactly what it deploys, and what it may not do."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, Shared, comparable, inventory
from auditor.manifests.render import kustomize as module
from auditor.model.use import Via
from auditor.source.memory import MemoryTree
from tests.support.renderers import placed, rendered, renderers

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  template:
    spec:
      containers:
      - name: api
        image: ghcr.io/acme/api:v1
      - name: proxy
        image: ghcr.io/acme/proxy:v1
"""
BASE = {"base/kustomization.yaml": "resources: [api.yaml]\n", "base/api.yaml": DEPLOYMENT}


def whys(found: Inventory) -> str:
    return "\n".join(gap.why for gap in found.gaps if gap.rule == "unrendered")


def test_an_overlay_gives_the_line_to_edit_and_the_line_below() -> None:
    overlay = "resources: [../base]\nimages:\n- name: ghcr.io/acme/api\n  newTag: v2\n"
    found = rendered({**BASE, "prod/kustomization.yaml": overlay}, "kustomize")
    assert placed(found) == {
        ("ghcr.io/acme/api:v2", "prod/kustomization.yaml", 4),
        ("ghcr.io/acme/proxy:v1", "base/api.yaml", 11),
    }
    use = next(use for use in found.uses if "api" in use.reference)
    assert use.via is Via.IMAGES_ENTRY
    assert use.base is not None
    assert (use.base.file, use.base.line) == ("base/api.yaml", 9)


def test_the_programs_that_were_used_are_named() -> None:
    programs = renderers("kustomize")
    tree = MemoryTree({path: text.encode() for path, text in BASE.items()}, "test")
    inventory(tree, ManifestSettings(), renderers=programs)
    assert programs.used["kustomize"]
    assert programs.used["helm"] is None


def test_what_our_reading_cannot_place_is_found_by_its_text_where_the_output_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if our own reading had missed the patch: the image must be found all the same, in the file that changed it."""
    patch = DEPLOYMENT.replace("ghcr.io/acme/api:v1", "ghcr.io/acme/api:v7")
    files = {
        **BASE,
        "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
        "prod/p.yaml": patch,
    }
    real = module.Kustomize.render

    def blind(self: module.Kustomize, root: str, _own: module.Read, seen: object, **more: bool) -> module.Read:
        return real(self, root, [], seen, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module.Kustomize, "render", blind)
    found = placed(rendered(files, "kustomize"))
    assert ("ghcr.io/acme/api:v7", "prod/p.yaml", 9) in found


def test_a_container_that_a_patch_deletes_is_not_deployed() -> None:
    patch = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: "
        "[{name: proxy, $patch: delete}]}}}\n"
    )
    files = {
        **BASE,
        "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
        "prod/p.yaml": patch,
    }
    assert {use.reference for use in rendered(files, "kustomize").uses} == {"ghcr.io/acme/api:v1"}


def test_settings_that_our_reading_has_no_use_for_are_there_for_kustomize() -> None:
    files = {
        **BASE,
        "base/kustomization.yaml": "resources: [api.yaml]\nconfigurations: [c.yaml]\ncrds: [crd.json]\n",
        "base/c.yaml": "nameReference: []\n",
        "base/crd.json": "{}\n",
    }
    found = rendered(files, "kustomize")
    assert not whys(found)
    assert len(found.uses) == 2


def test_a_root_that_kustomize_refuses_is_told_and_read_all_the_same() -> None:
    files = {**BASE, "base/kustomization.yaml": "resources: [api.yaml]\nnoSuchField: 1\n"}
    found = rendered(files, "kustomize")
    assert "kustomize does not build base" in whys(found)
    assert "noSuchField" in whys(found)
    assert "/auditor-" not in whys(found)
    assert len(found.uses) == 2


@pytest.mark.parametrize(
    "evil",
    [
        "resources: [api.yaml, 'https://git.acme.example/deploy//base?ref=v1']\n",
        "resources: [api.yaml, ../../../../../../etc/hostname]\n",
        "resources: [api.yaml]\nconfigMapGenerator: [{name: x, files: [../../../../../etc/hostname]}]\n",
        "resources: [api.yaml]\ngenerators: [plugin.yaml]\n",
        "resources: [api.yaml]\ntransformers: [plugin.yaml]\n",
        "resources: [api.yaml]\nhelmCharts: [{name: x, repo: 'https://charts.acme.example', version: 1.0.0}]\n",
    ],
)
def test_nothing_is_fetched_run_or_read_from_outside(evil: str) -> None:
    plugin = (
        "apiVersion: v1\nkind: Exec\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n"
        "      exec: {path: /bin/true}\n"
    )
    found = rendered({**BASE, "base/kustomization.yaml": evil, "base/plugin.yaml": plugin}, "kustomize")
    assert whys(found)
    assert {"ghcr.io/acme/api:v1", "ghcr.io/acme/proxy:v1"} <= {use.reference for use in found.uses}


def test_only_what_a_change_reaches_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {**BASE, "other/kustomization.yaml": "resources: [x.yaml]\n", "other/x.yaml": DEPLOYMENT}
    built: list[str] = []
    real = module.Kustomize.render

    def counted(self: module.Kustomize, root: str, *rest: object, **more: bool) -> module.Read:
        built.append(root)
        return real(self, root, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module.Kustomize, "render", counted)
    programs = renderers("kustomize")
    shared = Shared()

    def take(content: Mapping[str, str]) -> Inventory:
        tree = MemoryTree({path: text.encode() for path, text in content.items()}, "test")
        return inventory(tree, ManifestSettings(), shared, renderers=programs, changed=frozenset({"other/x.yaml"}))

    before = take({**files, "other/x.yaml": DEPLOYMENT.replace("api:v1", "api:v0")})
    after = take(files)
    assert built == ["other", "other"]
    assert {use.reference for use in before.uses} - {use.reference for use in after.uses} == {"ghcr.io/acme/api:v0"}
    take(files)
    assert built == ["other", "other"], "the same closure is rendered once"


def test_an_image_too_many_in_base_hides_nothing() -> None:
    """Base does not build, and our reading of it has the image that a patch would have replaced. Head deploys it."""
    patch = DEPLOYMENT.replace("ghcr.io/acme/api:v1", "ghcr.io/acme/api:v7")
    broken = {**BASE, "base/kustomization.yaml": "resources: [api.yaml]\npatches: [{path: p.yaml}]\nnoSuchField: 1\n"}
    shared, programs = Shared(), renderers("kustomize")

    def take(files: Mapping[str, str]) -> Inventory:
        tree = MemoryTree({path: text.encode() for path, text in files.items()}, "test")
        return inventory(tree, ManifestSettings(), shared, renderers=programs)

    before, after = take({**broken, "base/p.yaml": patch}), take(BASE)
    assert comparable(before, after) == ()
    assert comparable(after, after) == after.uses
    assert comparable(before, before) == before.uses, "read in the same way, they are compared"


_POD = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: %s}]}}}\n"
UNFOLLOWED = {
    "prefix": {
        "kustomization.yaml": "resources: [d.yaml]\nnamePrefix: web:from-else\nconfigurations: [c.yaml]\n",
        "c.yaml": "namePrefix: [{path: spec/template/spec/containers/image}]\n",
        "d.yaml": _POD % "where",
    },
}


@pytest.mark.parametrize("name", UNFOLLOWED)
def test_what_our_reading_does_not_follow_is_built_where_kustomize_is_there(name: str) -> None:
    """A gap of our reading alone is no reason to leave the program out, and none that stays when it has built the root."""
    alone = inventory(
        MemoryTree({path: text.encode() for path, text in UNFOLLOWED[name].items()}, "t"), ManifestSettings()
    )
    assert "kustomize configuration" in {gap.what for gap in alone.gaps}
    found = rendered(UNFOLLOWED[name], "kustomize")
    assert [use.reference for use in found.uses if use.container] == ["web:from-elsewhere"]
    assert not found.gaps
