"""What an object installs by its name in a catalogue: what that is made of stands elsewhere, so it is a gap, never silence.

Source: operator-lifecycle-manager (Subscription), operator-controller (ClusterExtension), platform-operators (PlatformOperator), Open Cluster Management
(OperatorPolicy), kapp-controller (PackageInstall), Glasskube (Package, ClusterPackage), KubeSphere (InstallPlan), add-ons of EKS (ACK, Crossplane's providers, Cluster API's AWS provider).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from auditor.manifests.beyond.gap import gap_of
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap

_BUNDLE_HELP: Final = (
    "look at the bundle that the catalogue has (`opm render`), and waive this with a reason, or pin the version"
)
_HELP: Final = (
    "look at what the catalogue has by this name and version, and waive this with a reason, or pin the version"
)


def operators_of(item: Object) -> Iterator[Gap]:
    """The gaps of an object that installs something by its name in a catalogue."""
    reader = _READERS.get((item.kind, item.group))
    if reader is not None:
        yield from reader(item, item.node.mapping("spec"))


def _subscription(item: Object, spec: Mapping) -> Iterator[Gap]:
    version = spec.text("startingCSV") or f"channel {spec.text('channel') or 'by default'}"
    edit = spec.scalar("startingCSV") or spec.scalar("channel") or spec.scalar("name")
    where = f"from the catalogue {spec.text('source') or 'of the cluster'}"
    yield _gap(item, edit, f"operator {spec.text('name')} ({version}) {where}", _BUNDLE_HELP)


def _operator_policy(item: Object, spec: Mapping) -> Iterator[Gap]:
    yield from _subscription(item, spec.mapping("subscription"))


def _extension(item: Object, spec: Mapping) -> Iterator[Gap]:
    catalog = spec.mapping("source").mapping("catalog")
    edit = catalog.scalar("version") or catalog.scalar("packageName")
    version = catalog.text("version") or "any version"
    yield _gap(item, edit, f"operator {catalog.text('packageName')} ({version}) from the catalogues", _BUNDLE_HELP)


def _platform(item: Object, spec: Mapping) -> Iterator[Gap]:
    package = spec.mapping("package")
    what = f"operator {package.text('name')} (any version) from the platform's catalogue"
    yield _gap(item, package.scalar("name"), what, _BUNDLE_HELP)


def _package(item: Object, spec: Mapping) -> Iterator[Gap]:
    package = spec.mapping("packageRef")
    constraints = package.mapping("versionSelection").scalar("constraints")
    version = constraints.text if constraints else "any version"
    edit = constraints or package.scalar("refName")
    yield _gap(
        item, edit, f"package {package.text('refName')} ({version}) from the cluster's package repositories", _HELP
    )


def _glasskube(item: Object, spec: Mapping) -> Iterator[Gap]:
    package = spec.mapping("packageInfo")
    edit = package.scalar("version") or package.scalar("name")
    version = package.text("version") or "any version"
    yield _gap(
        item, edit, f"package {package.text('name')} ({version}) from the package repositories of Glasskube", _HELP
    )


def _kubesphere(item: Object, spec: Mapping) -> Iterator[Gap]:
    extension = spec.mapping("extension")
    if name := extension.text("name"):
        edit = extension.scalar("version") or extension.scalar("name")
        version = extension.text("version") or "any version"
        yield _gap(item, edit, f"extension {name} ({version}) from the marketplace of KubeSphere", _HELP)


def _ack(item: Object, spec: Mapping) -> Iterator[Gap]:
    yield _addon(item, spec, "name", "addonVersion")


def _provider(item: Object, spec: Mapping) -> Iterator[Gap]:
    yield _addon(item, spec.mapping("forProvider"), "addonName", "addonVersion")


def _control_plane(item: Object, spec: Mapping) -> Iterator[Gap]:
    yield from (_addon(item, one, "name", "version") for one in spec.items("addons") if isinstance(one, Mapping))


def _addon(item: Object, node: Mapping, name: str, version: str) -> Gap:
    edit = node.scalar(version) or node.scalar(name)
    return _gap(item, edit, f"add-on {node.text(name)} ({node.text(version) or 'any version'}) of EKS", _HELP)


_Reader: TypeAlias = Callable[[Object, Mapping], Iterator[Gap]]
_READERS: Final[dict[tuple[str, str], _Reader]] = {
    ("Subscription", "operators.coreos.com"): _subscription,
    ("OperatorPolicy", "policy.open-cluster-management.io"): _operator_policy,
    ("ClusterExtension", "olm.operatorframework.io"): _extension,
    ("PlatformOperator", "platform.openshift.io"): _platform,
    ("PackageInstall", "packaging.carvel.dev"): _package,
    ("Package", "packages.glasskube.dev"): _glasskube,
    ("ClusterPackage", "packages.glasskube.dev"): _glasskube,
    ("InstallPlan", "kubesphere.io"): _kubesphere,
    ("Addon", "eks.services.k8s.aws"): _ack,
    ("Addon", "eks.aws.crossplane.io"): _provider,
    ("Addon", "eks.aws.upbound.io"): _provider,
    ("Addon", "eks.aws.m.upbound.io"): _provider,
    ("AWSManagedControlPlane", "controlplane.cluster.x-k8s.io"): _control_plane,
}
INSTALLERS: Final = frozenset(_READERS)
"""Kinds, with their groups, that install something by its name."""


def _gap(item: Object, edit: Scalar | None, what: str, help_text: str) -> Gap:
    return gap_of(item, edit, "operator", f"installs {what}", help_text)
