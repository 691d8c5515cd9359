"""Programs and templates that make manifests, told by what is in them; and what only looks like one is not."""

from __future__ import annotations

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree

DEPLOYMENT = (
    "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {spec: {containers: [{name: a, image: 'acme/a:1'}]}}}\n"
)
TASKS = "- name: deploy\n  kubernetes.core.k8s:\n    definition: {kind: Pod}\n"


def read(files: dict[str, str], settings: ManifestSettings | None = None) -> Inventory:
    return inventory(
        MemoryTree({path: text.encode() for path, text in files.items()}, "tree"), settings or ManifestSettings()
    )


@pytest.mark.parametrize(
    ("files", "language", "line", "root", "command"),
    [
        ({"infra/main.tf": '\nresource "helm_release" "a" {\n}\n'}, "Terraform", 2, "infra", "terraform plan"),
        ({"infra/a.tofu": 'resource "kubernetes_deployment_v1" "a" {}\n'}, "Terraform", 1, "infra", "terraform plan"),
        ({"infra/a.tf": '  resource "kubectl_manifest" "a" {}\n'}, "Terraform", 1, "infra", "terraform plan"),
        ({"roles/a/tasks/main.yml": TASKS}, "Ansible", 2, "roles/a/tasks", "ansible-playbook"),
        (
            {"site.yml": f"- hosts: all\n  tasks:\n  {TASKS.replace(chr(10), chr(10) + '  ')}\n"},
            "Ansible",
            4,
            None,
            "ansible-playbook",
        ),
        (
            {"playbooks/a.yaml": "- community.kubernetes.helm:\n    chart_ref: acme/a\n"},
            "Ansible",
            1,
            "playbooks",
            "ansible",
        ),
        (
            {"apps/b.cue": 'package x\n\nbundle: {\n  apiVersion: "v1alpha1"\n}\n'},
            "Timoni",
            3,
            "apps",
            "timoni bundle build -f apps/b.cue | auditor check -",
        ),
        (
            {"p/Pulumi.yaml": "name: a\nruntime: yaml\nresources: {a: {type: 'kubernetes:apps/v1:Deployment'}}\n"},
            "Pulumi",
            1,
            "p",
            "pulumi preview",
        ),
        (
            {"p/Pulumi.yaml": "runtime: nodejs\n", "p/package.json": '{"dependencies": {"@pulumi/kubernetes": "4"}}'},
            "Pulumi",
            1,
            "p",
            "pulumi preview",
        ),
        (
            {"k/inventory/targets/a.yml": "classes: [b]\n", "k/inventory/classes/b.yml": "a: 1\n"},
            "Kapitan",
            1,
            "k",
            "kapitan compile",
        ),
    ],
    ids=[
        "chart",
        "deployment",
        "manifest",
        "role",
        "playbook",
        "short",
        "timoni",
        "pulumi",
        "pulumi in JavaScript",
        "kapitan",
    ],
)
def test_a_program_is_told_with_its_line_and_what_to_do(
    files: dict[str, str], language: str, line: int, root: str | None, command: str
) -> None:
    (gap,) = read(files).gaps
    assert (gap.rule, gap.what, gap.place.line, gap.root) == ("unrendered", f"{language} program", line, root)
    assert command in gap.help


@pytest.mark.parametrize(
    "files",
    [
        {"infra/main.tf": 'resource "aws_s3_bucket" "a" {}\n# resource "helm_release" "a" {\n'},
        {"infra/main.tf": 'resource "kubernetes_namespace" "a" {}\ndata "kubernetes_deployment" "b" {}\n'},
        {"infra/main.tf.md": 'resource "helm_release" "a" {}\n'},
        {"roles/a/tasks/main.yml": "- community.docker.docker_container:\n    image: redis:7\n"},
        {"roles/a/vars/main.yml": "kubernetes.core.k8s:\n"},
        {"apps/b.cue": "#bundle: {\n  bundle: {\n}\n"},
        {"p/Pulumi.yaml": "name: a\nruntime: nodejs\n", "p/package.json": '{"dependencies": {"@pulumi/aws": "6"}}'},
        {"k/inventory/targets/a.yml": "a: 1\n"},
        {"k/inventory/targets/a.yml": "a: 1\n", "k/inventory/classes/b.yml": "a: 1\n", "k/compiled/a.txt": ""},
    ],
    ids=["cloud", "no pods", "text", "docker", "variables", "indented", "cloud only", "targets alone", "compiled"],
)
def test_what_deploys_no_image_to_a_cluster_is_not_told(files: dict[str, str]) -> None:
    assert not read(files).gaps


def test_a_directory_is_told_once_and_the_top_of_the_tree_for_each_file() -> None:
    chart = 'resource "helm_release" "a" {}\n'
    assert len(read({"infra/a.tf": chart, "infra/b.tf": chart, "more/c.tf": chart}).gaps) == 2
    assert len(read({"a.tf": chart, "b.tf": chart}).gaps) == 2


@pytest.mark.parametrize(
    "path",
    ["a/d.yaml.j2", "a/d.yml.jinja2", "a/d.yaml.tmpl", "a/d.yaml.tpl", "a/d.yml.erb", "a/d.json.template", "a/d.yaml.gotmpl",
     "a/d.yaml.envsubst", "a/d.yaml.tftpl", "a/d.yaml.in"],
)  # fmt: skip
def test_a_template_of_manifests_is_told_by_its_file(path: str) -> None:
    (gap,) = read({path: DEPLOYMENT}).gaps
    assert (gap.rule, gap.what, gap.place.file, gap.place.line, gap.root) == (
        "unrendered",
        "template of manifests",
        path,
        3,
        None,
    )
    assert "auditor check -" in gap.help


def test_a_template_of_a_machine_config_deploys_too() -> None:
    assert len(read({"talos/cp.yaml.j2": "machine:\n  install:\n    image: ghcr.io/acme/installer\n"}).gaps) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"a/values.yaml.gotmpl": "image: {tag: '1'}\n"},
        {"a/cm.yaml.tmpl": "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n"},
        {"a/nginx.conf.j2": DEPLOYMENT},
        {"vendor/acme.example/op/d.yaml.tmpl": DEPLOYMENT, "web/node_modules/a/d.yaml.tpl": DEPLOYMENT},
        {"c/Chart.yaml": "name: c\ntype: library\n", "c/templates/d.yaml.tpl": DEPLOYMENT},
    ],
    ids=["values", "no image", "no manifest", "vendored", "of a chart"],
)
def test_other_templates_are_not_told(files: dict[str, str]) -> None:
    assert not read(files).gaps


def test_a_file_that_a_kustomization_loads_is_no_template() -> None:
    found = read({"a/kustomization.yaml": "resources: [d.yaml.tmpl]\n", "a/d.yaml.tmpl": DEPLOYMENT})
    assert not found.gaps
    assert [use.reference for use in found.uses] == ["acme/a:1"]


def test_what_the_rules_leave_out_is_not_told() -> None:
    files = {"old/a.tf": 'resource "helm_release" "a" {}\n', "old/d.yaml.j2": DEPLOYMENT}
    assert not read(files, ManifestSettings(exclude=("old/**",))).gaps
