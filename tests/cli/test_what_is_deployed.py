"""`auditor images` tells three classes apart: deployed, in the tree but not deployed, and unknown with the reason."""

from __future__ import annotations

import json

import pytest

from tests.cli.house import House

POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {0}}}\nspec: {{containers: [{{name: a, image: 'ghcr.io/acme/{0}:1'}}]}}\n"
FLUX = (
    "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: flux-system, namespace: flux-system}\n"
    "spec: {url: https://github.com/acme/fleet}\n---\n"
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\n"
    "spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}\n---\n"
    "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: other, namespace: flux-system}\n"
    "spec: {path: ./x, sourceRef: {kind: GitRepository, name: elsewhere}}\n"
)
ARGO = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: apps}\n"
    "spec: {source: {repoURL: https://github.com/acme/fleet, path: apps}}\n---\n"
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: other}\n"
    "spec: {source: {repoURL: https://github.com/acme/elsewhere, path: charts/x, targetRevision: v1.0.0}}\n"
)
FILES = {
    "apps/kustomization.yaml": "resources: [web.yaml, job.yaml]\nimages: [{name: ghcr.io/acme/job, newTag: '2'}]\n",
    "apps/web.yaml": POD.format("web"),
    "apps/job.yaml": POD.format("job"),
}


@pytest.mark.parametrize("deployer", [FLUX, ARGO], ids=["flux", "argo"])
def test_the_three_classes(house: House, deployer: str) -> None:
    house.commit_base({**FILES, "clusters/prod/deployers.yaml": deployer})
    ran = house.run("images", ".", "--all", "--render", "never", "-f", "json")
    uses = {(image["reference"], use["deployed"]) for image in ran.report["images"] for use in image["uses"]}
    assert {("ghcr.io/acme/web:1", True), ("ghcr.io/acme/job:2", True)} <= uses
    assert not {("ghcr.io/acme/web:1", False), ("ghcr.io/acme/job:1", True)} & uses
    outside = [gap for gap in ran.report["skipped"] if "elsewhere" in gap["why"] + gap["what"]]
    assert outside
    table = house.run("images", ".", "--all", "--render", "never").out
    assert "elsewhere" in table
    assert "read without kustomize" in table


def test_what_helm_and_kubectl_print_is_read_from_a_pipe(house: House) -> None:
    rendered = (
        f"---\n# Source: web/templates/pod.yaml\n{POD.format('web')}---\n# Source: web/templates/empty.yaml\n---\n"
    )
    rendered += f"# Source: web/templates/tests/pod.yaml\n{POD.format('job')}"
    ran = house.run("images", "-", "-f", "json", stdin=rendered.encode())
    assert {image["reference"] for image in ran.report["images"]} == {"ghcr.io/acme/web:1", "ghcr.io/acme/job:1"}
    container = {"name": "a", "image": "ghcr.io/acme/live:1"}
    live = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "prod", "annotations": {"kubectl.kubernetes.io/last-applied": "x"}},
        "spec": {"containers": [container]},
        "status": {
            "containerStatuses": [{"image": "ghcr.io/acme/status:1", "imageID": "ghcr.io/acme/status@sha256:0"}]
        },
    }
    listed = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": [live, live]}
    ran = house.run("images", "-", "-f", "json", stdin=json.dumps(listed).encode())
    (image,) = ran.report["images"]
    assert image["reference"] == "ghcr.io/acme/live:1"
    assert {use["workload"] for use in image["uses"]} == {"Pod/prod/p"}


def test_a_mistake_in_a_pipe_is_told(house: House) -> None:
    ran = house.run("images", "-", "-f", "json", stdin=b"image: [\n")
    assert ran.status == 3
    assert ran.report["skipped"]
