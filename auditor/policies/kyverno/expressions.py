"""What CEL expressions of policies see of a resource and of references, whichever field of the policy they stand in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from auditor.model.reference import InvalidReference, Reference
from auditor.policies.inspected import Resource
from auditor.policies.kyverno import cel
from auditor.policies.kyverno.answer import Maybe
from auditor.policies.kyverno.conditions import Unknown


def known_of(resource: Resource) -> dict[str, Any]:
    """`object` and `request`, as far as the tree says."""
    if not resource.named:
        return {"object": {}, "request": {}}
    metadata: dict[str, Any] = {"labels": dict(resource.labels)}
    known: dict[str, Any] = {"kind": resource.kind, "metadata": metadata}
    request: dict[str, Any] = {}
    if resource.name:
        metadata["name"] = resource.name
    if resource.namespace:
        metadata["namespace"] = request["namespace"] = resource.namespace
    if resource.api_version:
        known["apiVersion"] = resource.api_version
    return {"object": known, "request": request}


def true(expression: str, known: Mapping[str, Any]) -> Maybe:
    """Whether a condition is true; unknown where it cannot be evaluated here."""
    try:
        value = cel.evaluate(expression, known, REFERENCE_FUNCTIONS)
    except Unknown:
        return None
    return value if isinstance(value, bool) else None


def _image(text: Any) -> dict[str, Any]:
    """`image("…")` of Kubernetes' CEL library: names as go-containerregistry reads them."""
    try:
        reference = Reference.parse(str(text))
    except InvalidReference:
        return {}
    host = "index.docker.io" if reference.host == "docker.io" else reference.host
    digest = str(reference.digest) if reference.digest else ""
    tag = reference.tag or ("" if digest else "latest")
    return {"registry": host, "repository": reference.path, "tag": tag, "digest": digest, "identifier": digest or tag}


def _part(name: str) -> Callable[[Any], Any]:
    return lambda image: image.get(name) if isinstance(image, dict) else None


REFERENCE_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "image": _image,
    "isImage": lambda text: bool(_image(text)),
    "containsDigest": lambda image: bool(image.get("digest")) if isinstance(image, dict) else None,
    **{name: _part(name) for name in ("registry", "repository", "tag", "digest", "identifier")},
}
