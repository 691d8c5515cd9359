"""What of a kustomization could not be built."""

from __future__ import annotations

from typing import Final

from auditor.manifests.kustomize.kustomization import is_remote
from auditor.manifests.nodes import Mapping
from auditor.model.gap import Gap
from auditor.model.place import Place

CYCLE: Final = "cyclic kustomizations"
_EFFECT_HELP: Final = "correct its name or target, name the field in `configurations:`, or remove it"
_RENDER_HELP: Final = "vendor it into the repository, or render it and pipe the result to `auditor check -`"


def unrendered(place: Place, what: str, why: str) -> Gap:
    """Something that deploys and was not built: its images are unknown."""
    return Gap(place, what, why, rule="unrendered", help=_RENDER_HELP)


def without_effect(place: Place, root: str, what: str, why: str) -> Gap:
    """Something that was written to change an image, and changes none."""
    return Gap(place, what, why, rule="override-without-effect", root=root, help=_EFFECT_HELP)


def why_missing(text: str, directory: str | None) -> str:
    """Why a path that a kustomization names could not be loaded."""
    if is_remote(text):
        return f"{text} is not in the repository: it is not fetched, and the images in it are unknown"
    if directory is not None:
        return f"{text} is a directory without a kustomization"
    return f"{text} is not in the tree"


def chart_gap(chart: Mapping, place: Place) -> Gap:
    """A chart that a kustomization inflates."""
    name = chart.text("name") or chart.text("chartName") or "a chart"
    version = chart.text("version") or chart.text("chartVersion") or "any version"
    return unrendered(place, "helm chart", f"chart {name} ({version}) is not rendered: its images are unknown")
