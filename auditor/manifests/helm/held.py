"""Deployers inside of objects that make other objects: what these make is deployed as if it stood by itself.

Source: flux-operator (ResourceSet), kro (ResourceGraphDefinition), Crossplane (Composition, and provider-kubernetes' Object),
Kratix (Promise), Open Cluster Management (Policy, ManifestWork), Karmada (Work), Hive (SyncSet), Tekton (TriggerTemplate), Fleet
(Bundle), Kyverno (`generate` of a policy), KubeVela (`k8s-objects`), Argo (Sensor, resources of a Workflow), machines of Cluster API and Talos, and texts of ConfigMaps and Secrets, which Cluster API (ClusterResourceSet) and Sveltos apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from auditor.manifests.beyond.elsewhere import APPLIERS
from auditor.manifests.beyond.operators import INSTALLERS
from auditor.manifests.beyond.programs import RUNNERS
from auditor.manifests.helm.orders import KINDS
from auditor.manifests.nodes import Mapping, Node, Sequence
from auditor.manifests.objects import Object, identify

_FLUX_AND_ARGO: Final = {
    ("Kustomization", "kustomize.toolkit.fluxcd.io"),
    ("HelmRelease", "helm.toolkit.fluxcd.io"),
    ("Application", "argoproj.io"),
    ("ApplicationSet", "argoproj.io"),
}
_DEPLOYERS: Final = _FLUX_AND_ARGO | KINDS | INSTALLERS | RUNNERS | APPLIERS
_NODES: Final = (
    *(
        "KubeadmConfig",
        "KubeadmConfigTemplate",
        "RKE2Config",
        "RKE2ConfigTemplate",
        "KThreesConfig",
        "KThreesConfigTemplate",
    ),
    *("K0sControllerConfig", "K0sWorkerConfig", "K0sWorkerConfigTemplate"),
)
_PLANES: Final = (
    *("KubeadmControlPlane", "KubeadmControlPlaneTemplate", "RKE2ControlPlane", "RKE2ControlPlaneTemplate"),
    *("KThreesControlPlane", "KThreesControlPlaneTemplate", "K0sControlPlane", "K0sControlPlaneTemplate"),
)
"""Of Cluster API: files that they write may be manifests, which a distribution applies."""
_MAKERS: Final = {
    ("ResourceSet", "fluxcd.controlplane.io"),
    ("ResourceGraphDefinition", "kro.run"),
    ("Composition", "apiextensions.crossplane.io"),
    ("Object", "kubernetes.crossplane.io"),
    ("Object", "kubernetes.m.crossplane.io"),
    ("Promise", "platform.kratix.io"),
    ("Policy", "policy.open-cluster-management.io"),
    ("ConfigurationPolicy", "policy.open-cluster-management.io"),
    ("ManifestWork", "work.open-cluster-management.io"),
    ("ManifestWorkReplicaSet", "work.open-cluster-management.io"),
    ("Work", "work.karmada.io"),
    ("SyncSet", "hive.openshift.io"),
    ("SelectorSyncSet", "hive.openshift.io"),
    ("TriggerTemplate", "triggers.tekton.dev"),
    ("Bundle", "fleet.cattle.io"),
    ("ClusterPolicy", "kyverno.io"),
    ("Policy", "kyverno.io"),
    ("GeneratingPolicy", "policies.kyverno.io"),
    ("NamespacedGeneratingPolicy", "policies.kyverno.io"),
    ("Application", "core.oam.dev"),
    ("AddOnTemplate", "addon.open-cluster-management.io"),
    ("MachineConfig", "talos.dev"),
    ("GitOpsSet", "templates.weave.works"),
    *(
        (kind, "argoproj.io")
        for kind in ("Sensor", "Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
    ),
    *((kind, "bootstrap.cluster.x-k8s.io") for kind in _NODES),
    *((kind, "controlplane.cluster.x-k8s.io") for kind in _PLANES),
}
_TEXTS: Final = {("ConfigMap", ""), ("Secret", "")}
"""What may be applied by something else, or be read by it, or be an example."""


def made(item: Object) -> Iterator[Object]:
    """Deployers that an object surely makes: what they put on top of a directory counts."""
    if (item.kind, item.group) in _MAKERS:
        yield from held(item)


def held(item: Object) -> Iterator[Object]:
    """Deployers inside of an object that makes objects: of a ResourceSet (flux-operator), a Composition, a ManifestWork."""
    if (item.kind, item.group) not in _MAKERS | _TEXTS:
        return
    seen: set[int] = set()
    waiting: list[Node] = [item.node.mapping(key) for key in ("stringData", "data", "spec", "cluster")]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Mapping):
            found = identify(node, item.file, node.line)
            if (found.kind, found.group) in _DEPLOYERS:
                made_so = _generated(found)
                yield replace(made_so, name=made_so.name or item.name)
            waiting += [value for _, value in reversed(node.entries)]
        elif isinstance(node, Sequence):
            waiting += reversed(node.items)
        else:
            waiting += reversed(node.inner)


def _generated(found: Object) -> Object:
    """What a rule of Kyverno generates: it says kind and name beside `data`, which holds the rest."""
    data = found.node.mapping("data")
    if not data.entries or found.node.get("spec") is not None:
        return found
    return replace(found, node=found.node.updated(*data.entries), name=found.node.text("name"))
