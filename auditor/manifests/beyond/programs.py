"""Objects that have a controller run something else than Kubernetes' own: Terraform, Pulumi, a renderer.

What it makes stands in no manifest, so each is a gap. Source: tofu-controller (Terraform), Crossplane's provider-terraform
(Workspace), HCP Terraform's operator (Module), pulumi-kubernetes-operator (Stack, Program), Google's Cloud Deploy
(DeliveryPipeline).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from auditor.manifests.beyond.elsewhere import Has
from auditor.manifests.beyond.gap import gap_of
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap

_PLAN: Final = "look at its plan, and waive this with a reason, or deploy what it makes by manifests of this tree"
_RENDER: Final = "render it and pipe the result: {command} | auditor check -"
_CLUSTER_PARTS: Final = ("kubernetes", "helm_release", "kubectl_manifest")
_FETCHING: Final = ("kubernetes:helm", "kubernetes:yaml", "kubernetes:kustomize")


def programs_of(item: Object, has: Has) -> Iterator[Gap]:
    """The gaps of an object that has something else run. `has`: whether a directory is in this tree, and so read anyway."""
    reader = _READERS.get((item.kind, item.group))
    if reader is not None:
        yield from reader(item, item.node.mapping("spec"), has)


def _terraform(item: Object, spec: Mapping, has: Has) -> Iterator[Gap]:
    path = spec.text("path").removeprefix("./").strip("/")
    if path and has(path):
        return  # as of Flux: a path of this tree, whose files are told by themselves where they deploy to a cluster
    source = spec.mapping("sourceRef").text("name")
    where = f"{spec.text('path') or './'} of {source}" if source else spec.text("path") or "its source"
    yield _gap(item, spec.scalar("path"), f"runs Terraform in {where}", _PLAN)


def _workspace(item: Object, spec: Mapping, _: Has) -> Iterator[Gap]:
    given = spec.mapping("forProvider")
    module = given.scalar("module")
    if given.text("source") != "Inline":
        yield _gap(item, module, f"runs the Terraform module {module.text if module else 'of a source'}", _PLAN)
    elif module is not None and _is_for_clusters(module.text):
        yield _gap(item, module, "runs Terraform that deploys to a cluster", _PLAN)


def _module(item: Object, spec: Mapping, _: Has) -> Iterator[Gap]:
    module = spec.mapping("module")
    edit = module.scalar("version") or module.scalar("source")
    yield _gap(item, edit, f"runs the Terraform module {module.text('source')}", _PLAN)


def _stack(item: Object, spec: Mapping, _: Has) -> Iterator[Gap]:
    edit = next((one for key in ("commit", "branch", "projectRepo", "stack") if (one := spec.scalar(key))), None)
    if not spec.text("program") and not spec.mapping("programRef").entries:
        what = spec.text("projectRepo") or spec.mapping("fluxSource").mapping("sourceRef").text("name") or "a source"
        yield _gap(item, edit, f"runs the Pulumi program of {what}", _PLAN)


def _program(item: Object, _: Mapping, __: Has) -> Iterator[Gap]:
    """Pulumi's YAML: objects are read where they are written; charts and files that it fetches are known to Pulumi alone."""
    for name, resource in item.node.mapping("program").mapping("resources").entries:
        if isinstance(resource, Mapping) and resource.text("type").startswith(_FETCHING):
            yield _gap(item, resource.scalar("type"), f"runs Pulumi, which makes {name} in a cluster", _PLAN)


def _pipeline(item: Object, _: Mapping, __: Has) -> Iterator[Gap]:
    help_text = _RENDER.format(command="skaffold render")
    yield _gap(item, None, "has Cloud Deploy render manifests by Skaffold", help_text)


def _is_for_clusters(text: str) -> bool:
    return any(word in text for word in _CLUSTER_PARTS)


_Reader: TypeAlias = Callable[[Object, Mapping, Has], Iterator[Gap]]
_READERS: Final[dict[tuple[str, str], _Reader]] = {
    ("Terraform", "infra.contrib.fluxcd.io"): _terraform,
    ("Workspace", "tf.upbound.io"): _workspace,
    ("Workspace", "tf.m.upbound.io"): _workspace,
    ("Workspace", "opentofu.upbound.io"): _workspace,
    ("Workspace", "opentofu.m.upbound.io"): _workspace,
    ("Workspace", "tf.crossplane.io"): _workspace,
    ("Module", "app.terraform.io"): _module,
    ("Stack", "pulumi.com"): _stack,
    ("Program", "pulumi.com"): _program,
    ("DeliveryPipeline", "deploy.cloud.google.com"): _pipeline,
}
RUNNERS: Final = frozenset(_READERS)
"""Kinds, with their groups, that have something else run."""


def _gap(item: Object, edit: Scalar | None, what: str, help_text: str) -> Gap:
    return gap_of(item, edit, "program", what, help_text)
