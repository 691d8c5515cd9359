"""What a GitOps repository looks like: parts of a few files each, of which a repository is made until it is large enough.

Most files hold no image, as in public repositories: services, settings, rights, kustomizations, definitions of resources. A part
takes as many images as it has places for, through `Take`; what it takes changes no other byte.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.fleet import documents
from benchmarks.fleet.catalogue import Image

Take = Callable[[], Image]
"""The image for the next place."""
Files = dict[str, str]
_Part = Callable[[random.Random, str, Take], Files]


def repository(chance: random.Random, manifests: int, take: Take) -> Files:
    """The files of one repository: at least so many manifests, and a README."""
    files: Files = {"README.md": "# Deployments\n\nReviewed by the platform team.\n"}
    number = 0
    while len(files) <= manifests:
        part = chance.choices(list(_PARTS), list(_PARTS.values()))[0]
        files |= part(chance, f"{chance.choice(documents.NAMES)}-{number}", take)
        number += 1
    return files


def addition(name: str, image: Image) -> Files:
    """What a night adds: one more workload."""
    return {f"jobs/{name}.yaml": documents.cron_job(name, image.reference)}


def _overlaid(chance: random.Random, name: str, take: Take) -> Files:
    """A base and two overlays; production chooses another tag, or another image altogether."""
    base, side, production = take(), take() if chance.random() < 0.3 else None, take()
    if not production.tag and not production.pinned:
        base, production = production, base  # a new name alone keeps the old tag
    top = f"apps/{name}"
    objects = ("deployment.yaml", "service.yaml", "settings.yaml")
    return {
        f"{top}/base/deployment.yaml": documents.deployment(name, base.reference, side.reference if side else None),
        f"{top}/base/service.yaml": documents.service(name),
        f"{top}/base/settings.yaml": documents.settings(name, chance.randrange(8, 60)),
        f"{top}/base/kustomization.yaml": documents.kustomization(objects),
        f"{top}/overlays/staging/kustomization.yaml": documents.kustomization(("../../base",), namespace="staging"),
        f"{top}/overlays/production/kustomization.yaml": documents.kustomization(
            ("../../base",), namespace="production", instead=(base, production), patches=("replicas.yaml",)
        ),
        f"{top}/overlays/production/replicas.yaml": documents.replicas(name),
    }


def _loose(chance: random.Random, name: str, take: Take) -> Files:
    """Manifests that are applied as they are."""
    folder = f"manifests/{name}"
    kind = chance.choice(("Deployment", "StatefulSet", "DaemonSet"))
    return {
        f"{folder}/workload.yaml": documents.deployment(name, take().reference, None, kind=kind),
        f"{folder}/service.yaml": documents.service(name),
        f"{folder}/network-policy.yaml": documents.network_policy(name),
    }


def _released(chance: random.Random, name: str, take: Take) -> Files:
    """A chart that Flux releases: half of them name an image in their values, the others leave it to the chart."""
    folder = f"releases/{name}"
    image = take() if chance.random() < 0.51 else None
    return {
        f"{folder}/ks.yaml": documents.flux_kustomization(name, f"{folder}/app"),
        f"{folder}/app/kustomization.yaml": documents.kustomization(("helmrelease.yaml", "helmrepository.yaml")),
        f"{folder}/app/helmrelease.yaml": documents.helm_release(name, image, chance.randrange(120)),
        f"{folder}/app/helmrepository.yaml": documents.helm_repository(name),
    }


def _application(chance: random.Random, name: str, take: Take) -> Files:
    """An application of Argo CD; most leave the images to the chart."""
    image = take() if chance.random() < 0.22 else None
    return {f"argocd/{name}.yaml": documents.application(name, image)}


def _scheduled(_chance: random.Random, name: str, take: Take) -> Files:
    """One job by the clock."""
    return {f"jobs/{name}.yaml": documents.cron_job(name, take().reference)}


def _operated(chance: random.Random, name: str, take: Take) -> Files:
    """What an operator or a pipeline runs: the image stands in a custom resource."""
    make = chance.choice((documents.prometheus, documents.task, documents.workflow))
    return {f"platform/{name}.yaml": make(name, take().reference)}


def _plumbing(chance: random.Random, name: str, _take: Take) -> Files:
    """Rights, quotas, ingress: never an image."""
    folder = f"cluster/{name}"
    return {
        f"{folder}/namespace.yaml": documents.namespace(name),
        f"{folder}/rights.yaml": documents.rights(name),
        f"{folder}/ingress.yaml": documents.ingress(name),
        f"{folder}/settings.yaml": documents.settings(name, chance.randrange(20, 160)),
    }


def _definition(chance: random.Random, name: str, _take: Take) -> Files:
    """The definition of a custom resource: a third of all bytes in public repositories."""
    return {f"crds/{name}.yaml": documents.definition(name, chance.randrange(100, 700))}


_PARTS: Final[Mapping[_Part, float]] = {
    _plumbing: 0.28,
    _released: 0.20,
    _overlaid: 0.13,
    _application: 0.12,
    _loose: 0.09,
    _scheduled: 0.07,
    _operated: 0.06,
    _definition: 0.05,
}
