"""How a deployer has a chart rendered: for which cluster, and with what beside its templates.

Source: argo-cd's ApplicationSourceHelm, kustomize's HelmChart, helmfile's release, helm-controller's install and upgrade.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.render.sandbox import Failed

_VERSION: Final = re.compile(r"v?\d{1,4}(\.\d{1,4}){1,2}([-+][\w.+-]{0,64})?", re.ASCII)
_API: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,252}(/[\w.-]{1,253}){0,2}", re.ASCII)
_APIS: Final = 1_000
"""A cluster with every operator there is serves some hundreds; a command line holds thousands."""


class Terms(Struct, frozen=True):
    """What a deployer says of the cluster (empty: nothing, so the rules do), and whether it leaves out CRDs and tests."""

    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    crds: bool = True
    tests: bool = True

    def arguments(self, kube_version: str, api_versions: tuple[str, ...]) -> list[str]:
        """Options of `helm template`; what the deployer says stands instead of what is given. Raises Failed."""
        return [
            *(f"--{option}" for option in self.cluster(kube_version, api_versions)),
            *(["--include-crds"] if self.crds else []),
            *([] if self.tests else ["--skip-tests"]),
        ]

    def cluster(self, kube_version: str, api_versions: tuple[str, ...]) -> list[str]:
        """The options that say which cluster it is, without the dashes before them. Raises Failed."""
        if self.kube_version and not _VERSION.fullmatch(self.kube_version):
            raise Failed(f"kubeVersion {_shown(self.kube_version)} is no version of Kubernetes")
        unread = next((each for each in self.api_versions if not _API.fullmatch(each)), None)
        if unread is not None:
            raise Failed(f"apiVersions: {_shown(unread)} is neither `group/version` nor `group/version/Kind`")
        if len(self.api_versions) > _APIS:
            raise Failed(f"more than {_APIS} apiVersions")
        return [
            f"kube-version={self.kube_version.removeprefix('v') or kube_version}",
            *(f"api-versions={each}" for each in self.api_versions or api_versions),
        ]


USUAL: Final = Terms()
"""A deployer that says nothing."""


def terms(node: Mapping, *, crds: bool = True) -> Terms:
    """What the `helm` of an Application, an entry of `helmCharts`, or a release of a helmfile says."""
    served = (each.text for each in node.items("apiVersions") if isinstance(each, Scalar))
    return Terms(node.text("kubeVersion"), tuple(served), crds, node.text("skipTests") != "true")


def _shown(text: str) -> str:
    return ascii(text[:60])
