"""What an overlay takes the place of, and what changes nothing."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: app, image: nginx:1}]}\n"
PATCH = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: app, image: nginx:2}]}\n"


def read(files: dict[str, str]) -> Inventory:
    return inventory(MemoryTree({path: text.encode() for path, text in files.items()}, "tree"), ManifestSettings())


def idle(files: dict[str, str]) -> list[tuple[str, str | None]]:
    return [(str(gap.place), gap.root) for gap in read(files).gaps if gap.rule == "override-without-effect"]


def test_an_override_remembers_the_first_text_through_all_overlays() -> None:
    found = read(
        {
            "base/kustomization.yaml": "resources: [pod.yaml]\npatches: [{path: patch.yaml}]\n",
            "base/pod.yaml": POD,
            "base/patch.yaml": PATCH,
            "top/kustomization.yaml": "resources: [../base]\nimages: [{name: nginx, newTag: '3'}]\n",
        }
    )
    (use,) = (use for use in found.uses if use.root == "top")
    assert (use.reference, use.overrides, str(use.base)) == ("nginx:3", "nginx:1", "base/pod.yaml:4")


def test_what_nothing_overrides_overrides_nothing() -> None:
    (use,) = read({"kustomization.yaml": "resources: [pod.yaml]\n", "pod.yaml": POD}).uses
    assert use.overrides is None


@pytest.mark.parametrize("name", ["nginx", "^nginx", "ngin."])
def test_an_entry_with_an_effect_is_no_gap(name: str) -> None:
    text = f"resources: [pod.yaml]\nimages: [{{name: '{name}', newTag: '2'}}]\n"
    assert not idle({"kustomization.yaml": text, "pod.yaml": POD})


@pytest.mark.parametrize("name", ["docker.io/library/nginx", "ngin", "nginx:1"])
def test_an_entry_that_is_written_otherwise_changes_nothing(name: str) -> None:
    text = f"resources: [pod.yaml]\nimages: [{{name: '{name}', newTag: '2'}}]\n"
    found = idle({"kustomization.yaml": text, "pod.yaml": POD})
    # A name with a tag still is anchored before a tag: kustomize takes `nginx:1` for the image `nginx:1`.
    assert found == ([] if name == "nginx:1" else [("kustomization.yaml:2", ".")])


def test_it_is_told_once_however_many_roots_load_it() -> None:
    files = {f"{name}/kustomization.yaml": "resources: [../base]\n" for name in ("a", "b")}
    files |= {"base/kustomization.yaml": "resources: [pod.yaml]\nimages: [{name: web, newTag: '2'}]\n"}
    assert idle({**files, "base/pod.yaml": POD}) == [("base/kustomization.yaml:2", "base")]


def test_a_component_may_be_meant_for_others() -> None:
    component = "kind: Component\nimages: [{name: web, newTag: '2'}]\n"
    files = {"c/kustomization.yaml": component, "a/pod.yaml": POD}
    assert not idle({**files, "a/kustomization.yaml": "resources: [pod.yaml]\ncomponents: [../c]\n"})


def test_where_something_is_missing_nothing_is_said_to_be_without_effect() -> None:
    remote = "https://github.com/acme/base?ref=v1"
    text = f"resources: [pod.yaml, '{remote}']\nimages: [{{name: web, newTag: '2'}}]\n"
    assert not idle({"kustomization.yaml": text, "pod.yaml": POD})


def test_an_entry_for_a_field_that_configurations_add() -> None:
    text = "resources: [w.yaml]\nconfigurations: [c.yaml]\nimages: [{name: web, newTag: '2'}]\n"
    widget = "apiVersion: acme.example/v1\nkind: Widget\nmetadata: {name: w}\nspec: {runs: web}\n"
    files = {"kustomization.yaml": text, "w.yaml": widget, "c.yaml": "images: [{path: spec/runs, kind: Widget}]\n"}
    assert not idle(files)


def test_a_patch_with_images_whose_target_is_nowhere() -> None:
    operations = "[{op: add, path: /spec/image, value: 'nginx:2'}]"
    text = f'resources: [pod.yaml]\npatches: [{{target: {{kind: Deployment}}, patch: "{operations}"}}]\n'
    assert idle({"kustomization.yaml": text, "pod.yaml": POD}) == [("kustomization.yaml:2", ".")]


@pytest.mark.parametrize(("tag", "bare"), [("1.10", True), ("010", True), ("1e3", True), ("'1.10'", False)])
def test_a_tag_that_yaml_takes_for_a_number(tag: str, bare: bool) -> None:
    widget = f"apiVersion: v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{image: {{repository: a/b, tag: {tag}}}}}\n"
    (use,) = read({"w.yaml": widget}).uses
    assert use.bare_number is bare


@pytest.mark.parametrize("tag", ["v1.10", "1.10.0", "1.10-alpine"])
def test_a_tag_that_is_text_anyway(tag: str) -> None:
    widget = f"apiVersion: v1\nkind: Widget\nmetadata: {{name: w}}\nspec: {{image: {{repository: a/b, tag: {tag}}}}}\n"
    (use,) = read({"w.yaml": widget}).uses
    assert not use.bare_number
