"""Images that something decides when the cluster runs: updaters that write no commit, and expressions at admission.

What the tree says of them is a rule and no reference. So each has a part in angle brackets, and the reason: nobody can judge it.
Source: argocd-image-updater.readthedocs.io (annotations, and the resource ImageUpdater), keel.sh/docs, MutatingAdmissionPolicy of
Kubernetes, MutatingPolicy and GeneratingPolicy of Kyverno.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from auditor.manifests.extract.found import Found, written
from auditor.manifests.extract.said import Trail
from auditor.manifests.extract.split import is_complete
from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.model.use import Confidence, Sort

_UPDATER: Final = "argocd-image-updater.argoproj.io/"
_KEEL: Final = "keel.sh/"
_GIT_HELP: Final = "let it write back to git, where each update is a commit that is judged, or waive this with a reason"
_KEEL_HELP: Final = "let something that commits to the repository update it, or waive this with a reason"
_CEL_HELP: Final = "waive this with a reason, or have the objects name the image"
_EXPRESSIONS: Final = {
    ("MutatingAdmissionPolicy", "admissionregistration.k8s.io"),
    ("MutatingPolicy", "policies.kyverno.io"),
    ("NamespacedMutatingPolicy", "policies.kyverno.io"),
    ("GeneratingPolicy", "policies.kyverno.io"),
    ("NamespacedGeneratingPolicy", "policies.kyverno.io"),
}
_WRITING: Final = ("mutations", "variables", "generate")
_SITE: Final = re.compile(
    r"""(?:(?<![\w.])["']?image["']?\s*:|/image["']\s*,\s*value\s*:)\s*(?:(?:dyn\()?["'](?P<literal>[^"'\n]*)["']\)?\s*(?=[,}\])]|$))?"""
)
"""Where an expression says an image: a field of that name, or the value of a JSON patch at such a path."""
_KEPT: Final = re.compile(r"\w+\.image\s*[,})\]]")
"""The image of the object itself: nothing is changed."""


def decided(item: Object) -> Iterator[Found]:
    """What an object has decided later; nothing for most objects."""
    if item.group == "argoproj.io" and item.kind == "Application":
        yield from _annotated(item)
    elif (item.kind, item.group) == ("ImageUpdater", _UPDATER.rstrip("/")):
        yield from _updater(item, item.node.mapping("spec"))
    elif (item.kind, item.group) in _EXPRESSIONS:
        spec = item.node.mapping("spec")
        for key in _WRITING:
            if (node := spec.get(key)) is not None:
                yield from _expressions(item, node, ("spec", key))
    else:
        yield from _keel(item)


def _found(item: Object, trail: Trail, scalar: Scalar, text: str, told: tuple[str, str]) -> Found:
    """An image that something decides later: `scalar` says by which rule, `told` why and what to do."""
    return Found(text, scalar, item.prefix + written(trail), None, Confidence.LOW, Sort.IMAGE, *told)


# ── Argo CD Image Updater ────────────────────────────────────────────────────────────────────────────────────────────────


def _annotated(item: Object) -> Iterator[Found]:
    annotations = item.node.mapping("metadata").mapping("annotations")
    images = annotations.scalar(f"{_UPDATER}image-list")
    if images is None or annotations.text(f"{_UPDATER}write-back-method").startswith("git"):
        return
    for one in images.text.replace("\n", ",").split(","):
        if name := one.strip().rpartition("=")[2]:
            yield _newest(item, name, images, ("metadata", "annotations", f"{_UPDATER}image-list"))


def _updater(item: Object, spec: Mapping) -> Iterator[Found]:
    method = spec.mapping("writeBackConfig").text("method")
    for index, reference in enumerate(spec.items("applicationRefs")):
        if not isinstance(reference, Mapping):
            continue
        own = reference.mapping("writeBackConfig").text("method") or method
        for at, image in enumerate(reference.items("images") if not own.startswith("git") else ()):
            name = image.scalar("imageName") if isinstance(image, Mapping) else None
            if name is not None and name.text:
                yield _newest(item, name.text, name, ("spec", "applicationRefs", index, "images", at, "imageName"))


def _newest(item: Object, name: str, scalar: Scalar, trail: Trail) -> Found:
    bare, constraint = (name.rpartition(":")[0], name.rpartition(":")[2]) if is_complete(name) else (name, "")
    allowed = f" of what {constraint} allows" if constraint else ""
    why = f"Argo CD Image Updater writes the newest{allowed} into the cluster, and not into a commit"
    return _found(item, trail, scalar, f"{bare}:<newest by Image Updater>", (why, _GIT_HELP))


# ── Keel ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _keel(item: Object) -> Iterator[Found]:
    """Each container of a workload that Keel moves to other tags; where it only pulls the same tag again, that is judged."""
    job = item.node.mapping("spec").mapping("jobTemplate") if item.kind == "CronJob" else item.node
    containers = job.mapping("spec").mapping("template").mapping("spec").items("containers")
    policy = _marked(item, "policy") if containers else ""
    if policy in ("", "never") or (policy == "force" and _marked(item, "match-tag", "matchTag") == "true"):
        return
    way = ("spec", "jobTemplate") if item.kind == "CronJob" else ()
    why = f"Keel moves it to other tags by its policy {policy}, in the cluster and not in a commit"
    for index, container in enumerate(containers):
        image = container.scalar("image") if isinstance(container, Mapping) else None
        if image is not None and image.text:
            bare = image.text.partition("@")[0]
            bare = bare.rpartition(":")[0] if is_complete(bare) else bare
            trail = (*way, "spec", "template", "spec", "containers", index, "image")
            yield _found(item, trail, image, f"{bare}:<newest by Keel>", (why, _KEEL_HELP))


def _marked(item: Object, *names: str) -> str:
    """What an annotation or label says, also one that a kustomization adds."""
    marks = (item.annotations, item.labels)
    return next((text for mark in marks for name in names if (text := mark.get(f"{_KEEL}{name}", ""))), "")


# ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _expressions(item: Object, node: Node, trail: Trail) -> Iterator[Found]:
    if isinstance(node, Sequence):
        for index, one in enumerate(node.items):
            yield from _expressions(item, one, (*trail, index))
    elif isinstance(node, Mapping):
        for key, value in node.entries:
            if isinstance(value, Scalar):
                if key == "expression" and _computes(value.text):
                    why = f"{item.kind} {item.name} computes an image when an object is admitted"
                    yield _found(item, (*trail, key), value, f"<{key} of {item.kind}>", (why, _CEL_HELP))
            else:
                yield from _expressions(item, value, (*trail, key))


def _computes(text: str) -> bool:
    """Whether an expression says an image that is written nowhere in it."""
    sites = list(_SITE.finditer(text))
    if any(site["literal"] is None and not _KEPT.match(text, site.end()) for site in sites):
        return True
    return not sites and ("/image'" in text or '/image"' in text) and "value" in text
