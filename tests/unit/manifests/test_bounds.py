"""What is too large, goes in circles or leads elsewhere: bounded, told, and the rest is read all the same."""

from __future__ import annotations

import time

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.extract.lines import values
from auditor.manifests.inventory import Inventory, inventory
from auditor.manifests.text import arguments
from auditor.source.memory import MemoryTree

GOOD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: [{name: a, image: 'ghcr.io/acme/good:1'}]}\n"
)
TASK = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec:\n"


def read(files: dict[str, str]) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in {**files, "good.yaml": GOOD}.items()}, "tree")
    found = inventory(tree, ManifestSettings())
    assert "ghcr.io/acme/good:1" in {use.reference for use in found.uses}
    return found


def rules(found: Inventory) -> set[str | None]:
    return {gap.rule for gap in found.gaps}


@pytest.mark.slow(30)
def test_a_hundred_thousand_documents() -> None:
    """Each of them is read."""
    start = time.process_time()
    one = "---\napiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: 'ghcr.io/acme/x:{}'}}]}}\n"
    found = read({"many.yaml": "".join(one.format(count) for count in range(100_000))})
    assert (len(found.uses), rules(found)) == (100_001, set())
    assert time.process_time() - start < 240


def test_conflict_markers_in_a_kustomization() -> None:
    found = read({"a/kustomization.yaml": "resources:\n<<<<<<< ours\n- x.yaml\n=======\n- y.yaml\n>>>>>>> theirs\n"})
    assert "unparsable-file" in rules(found)


def test_an_encrypted_file_keeps_its_structure_and_its_images_are_told() -> None:
    secret = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  template:\n    spec:\n      containers:\n"
        "        - name: a\n          image: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n"
        "        - name: b\n          image: ghcr.io/acme/plain:1\n"
        "sops:\n  mac: ENC[AES256_GCM,data:x,iv:x,tag:x,type:str]\n  version: 3.9.0\n"
    )
    found = read({"d.sops.yaml": secret})
    assert "ghcr.io/acme/plain:1" in {use.reference for use in found.uses}
    assert [(gap.rule, gap.place.line) for gap in found.gaps] == [("templated-reference", 9)]


def test_a_missing_base_is_told() -> None:
    found = read({"a/kustomization.yaml": "resources: [../gone, also-gone.yaml]\n"})
    assert rules(found) == {"unrendered"}
    assert {gap.root for gap in found.gaps} == {"a"}


def test_parameters_that_multiply_stay_as_they_are_written() -> None:
    """Three hundred values for each of four names make eight thousand million references: none is made."""
    start = time.process_time()
    params = "".join(f"    - {{name: p{n}, default: 'v{v}'}}\n" for n in range(4) for v in range(300))
    steps = "  steps: [{image: 'ghcr.io/acme/x:$(params.p0)$(params.p1)$(params.p2)$(params.p3)'}]\n"
    found = read({"t.yaml": f"{TASK}  params:\n{params}{steps}"})
    assert rules(found) == {"templated-reference"}
    assert time.process_time() - start < 20


@pytest.mark.parametrize("value", ["$(params.a)", "x$(params.b)", "$(params.b)$(params.b)"])
def test_parameters_in_a_circle_end(value: str) -> None:
    params = f"  params: [{{name: a, default: '{value}'}}, {{name: b, default: '$(params.a)$(params.a)'}}]\n"
    found = read({"t.yaml": f"{TASK}{params}  steps: [{{image: 'ghcr.io/acme/x:$(params.a)'}}]\n"})
    assert rules(found) == {"templated-reference"}


@pytest.mark.parametrize(
    "text",
    [
        "a" * 60_000,
        "a." * 30_000,
        "a.b/" * 15_000,
        "a.b/c" + "/" * 60_000,
        "--image" * 9_000,
        "--image=a:" * 6_000,
        " " * 60_000 + "image",
        "-" * 60_000 + "image=x:1/",
        "ghcr.io/acme/x:" + "1" * 60_000,
        "image" * 12_000 + ": x",
        "\"'" * 30_000 + "image:",
    ],
    ids=range(11),
)
def test_no_line_takes_long(text: str) -> None:
    start = time.process_time()
    arguments(text)
    list(values(text))
    assert time.process_time() - start < 5
