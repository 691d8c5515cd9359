"""Objects that have directories or manifests of somewhere else applied: what stands there is not in this tree, so it is a gap.

A directory counts as one of this tree where its path exists here, as for Flux and Argo CD: then it is read as an entry point.
Source: Fleet (GitRepo), Open Cluster Management (Subscription of a git channel), Config Sync (RootSync, RepoSync, ConfigManagement),
Sveltos (policyRefs, kustomizationRefs), kapp-controller (App), kluctl (KluctlDeployment), KubeVela (component `kustomize`), flux-operator
(FluxInstance), Talos (extraManifests).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

Has: TypeAlias = Callable[[str], bool]
"""Whether a directory is in this tree."""

_HELP: Final = "render what is there and pipe the result to `auditor check -`, or waive this with a reason"
_SOURCES: Final = ("GitRepository", "OCIRepository", "Bucket")


class _There(Struct, frozen=True):
    """A directory (empty: the top) of a source, or an address; `edit` is the line that chooses it."""

    path: str
    source: str
    edit: Scalar | None


def elsewhere(item: Object, has: Has) -> Iterator[Gap]:
    """The gaps of an object that has something applied which is not in this tree."""
    reader = _READERS.get((item.kind, item.group))
    for there in reader(item, item.node.mapping("spec")) if reader is not None else ():
        path = there.path.removeprefix("./").strip("/")
        # Of a path with a pattern the part before it is looked for.
        known = path.partition("*")[0].rpartition("/")[0] if "*" in path else path
        if known and has(known):
            continue
        what = " of ".join(part for part in (path, there.source) if part) or "a source"
        why = (
            f"{item.kind} {item.name}".rstrip() + f" deploys {what}, which is not in this tree: its images are unknown"
        )
        place = there.edit.place() if there.edit else Place(item.file, item.line)
        yield Gap(place, "deployed from elsewhere", why, rule="unrendered", help=_HELP)


def _fleet(_: Object, spec: Mapping) -> Iterator[_There]:
    edit = spec.first("revision", "branch", "repo")
    paths = [one for one in spec.items("paths") if isinstance(one, Scalar) and one.text]
    yield from (_There(one.text, spec.text("repo"), one) for one in paths)
    if not paths:
        yield _There("", spec.text("repo"), edit)


def _open_cluster(item: Object, spec: Mapping) -> Iterator[_There]:
    if spec.text("name"):
        return  # it deploys a chart
    marks = item.node.mapping("metadata").mapping("annotations")
    paths = (
        marks.scalar(f"apps.open-cluster-management.io/{key}") for key in ("git-path", "github-path", "bucket-path")
    )
    path = next((one for one in paths if one is not None), None)
    yield _There(path.text if path else "", f"the channel {spec.text('channel')}", path or spec.scalar("channel"))


def _config_sync(_: Object, spec: Mapping) -> Iterator[_There]:
    git = spec.mapping("git")
    source = git.text("repo") or git.text("syncRepo")
    if source and spec.text("sourceType") in ("", "git"):
        edit = git.first("revision", "syncRev", "branch", "syncBranch", "dir", "policyDir", "repo", "syncRepo")
        yield _There(git.text("dir") or git.text("policyDir"), source, edit)


def _sveltos(_: Object, spec: Mapping) -> Iterator[_There]:
    for one in (*spec.mappings("policyRefs"), *spec.mappings("kustomizationRefs")):
        if one.text("kind") in _SOURCES:
            yield _There(one.text("path"), f"{one.text('kind')} {one.text('name')}", one.first("path", "name"))


def _kapp(_: Object, spec: Mapping) -> Iterator[_There]:
    for one in spec.mappings("fetch"):
        git, http = one.mapping("git"), one.mapping("http")
        if git.text("url"):
            yield _There(git.text("subPath"), git.text("url"), git.first("ref", "subPath", "url"))
        elif http.text("url"):
            yield _There("", http.text("url"), http.scalar("url"))


def _kluctl(_: Object, spec: Mapping) -> Iterator[_There]:
    git = spec.mapping("source").mapping("git")
    if git.text("url"):
        ref = git.mapping("ref")
        edit = ref.first("commit", "tag", "branch") or git.first("path", "url")
        yield _There(git.text("path"), git.text("url"), edit)


def _vela(_: Object, spec: Mapping) -> Iterator[_There]:
    for component in spec.mappings("components"):
        given = component.mapping("properties")
        if component.text("type") == "kustomize":
            edit = given.mapping("git").first("branch") or given.first("path", "url")
            # A bucket has no path of this tree.
            source = given.text("url") or "a source"
            path = given.text("path") if given.text("repoType") == "git" else ""
            yield _There(path, source, edit)


def _flux_instance(_: Object, spec: Mapping) -> Iterator[_There]:
    """What an instance is bootstrapped with; an artifact of a registry has a reference of its own."""
    sync = spec.mapping("sync")
    if sync.text("kind") in ("GitRepository", "Bucket"):
        yield _There(sync.text("path"), sync.text("url"), sync.first("ref", "path", "url"))


def _talos(item: Object, _: Mapping) -> Iterator[_There]:
    cluster = item.node.mapping("cluster")
    for one in (*cluster.items("extraManifests"), *cluster.mapping("externalCloudProvider").items("manifests")):
        if isinstance(one, Scalar) and "://" in one.text:
            yield _There("", one.text, one)


_Reader: TypeAlias = Callable[[Object, Mapping], Iterator[_There]]
_READERS: Final[dict[tuple[str, str], _Reader]] = {
    ("GitRepo", "fleet.cattle.io"): _fleet,
    ("Subscription", "apps.open-cluster-management.io"): _open_cluster,
    ("RootSync", "configsync.gke.io"): _config_sync,
    ("RepoSync", "configsync.gke.io"): _config_sync,
    ("ConfigManagement", "configmanagement.gke.io"): _config_sync,
    ("Profile", "config.projectsveltos.io"): _sveltos,
    ("ClusterProfile", "config.projectsveltos.io"): _sveltos,
    ("App", "kappctrl.k14s.io"): _kapp,
    ("KluctlDeployment", "gitops.kluctl.io"): _kluctl,
    ("Application", "core.oam.dev"): _vela,
    ("FluxInstance", "fluxcd.controlplane.io"): _flux_instance,
    ("MachineConfig", "talos.dev"): _talos,
}
APPLIERS: Final = frozenset(_READERS)
"""Kinds, with their groups, that have something applied from elsewhere."""
