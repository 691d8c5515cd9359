"""Images that something decides in the cluster, as a kustomization deploys them, and what is said of them."""

from __future__ import annotations

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree

DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    "spec: {template: {spec: {containers: [{name: a, image: acme/web:1}]}}}\n"
)
UPDATED = (
    "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s, namespace: argocd}\nspec:\n"
    "  generators: [{list: {elements: [{name: a}, {name: b}]}}]\n  template:\n    metadata:\n      name: '{{name}}'\n"
    "      annotations: {argocd-image-updater.argoproj.io/image-list: 'ghcr.io/acme/{{name}}:~1.2'}\n"
    "    spec: {source: {repoURL: 'https://c', chart: web, targetRevision: 1.2.3}}\n"
)


def read(files: dict[str, str]) -> Inventory:
    return inventory(MemoryTree({path: text.encode() for path, text in files.items()}, "tree"), ManifestSettings())


def test_a_policy_of_keel_that_a_kustomization_adds_counts_with_the_name_that_it_gives() -> None:
    found = read(
        {
            "kustomization.yaml": "resources: [d.yaml]\ncommonAnnotations: {keel.sh/policy: minor}\nimages: [{name: acme/web, newName: ghcr.io/acme/web}]\n",
            "d.yaml": DEPLOYMENT,
        }
    )
    assert {use.reference for use in found.uses} == {"ghcr.io/acme/web:1", "ghcr.io/acme/web:<newest by Keel>"}


def test_each_application_of_a_set_is_updated_by_its_own_list() -> None:
    gaps = [gap for gap in read({"set.yaml": UPDATED}).gaps if gap.rule == "templated-reference"]
    assert {gap.image for gap in gaps} == {
        "ghcr.io/acme/a:<newest by Image Updater>",
        "ghcr.io/acme/b:<newest by Image Updater>",
    }
    assert all("of what ~1.2 allows" in gap.why and "write back to git" in gap.help for gap in gaps)


def test_an_expression_in_one_line_is_read_once() -> None:
    policy = (
        "apiVersion: policies.kyverno.io/v1\nkind: MutatingPolicy\nmetadata: {name: m}\nspec:\n  mutations:\n  - jsonPatch:\n"
        "      expression: \"[JSONPatch{op: 'replace', path: '/spec/containers/0/image', value: 'acme/z:3'}]\"\n"
    )
    assert [use.reference for use in read({"policy.yaml": policy}).uses] == ["acme/z:3"]
