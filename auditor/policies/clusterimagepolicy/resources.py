"""Does `spec.match` cover what is admitted? A workload is admitted itself, and later the pods that it makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from auditor.policies.clusterimagepolicy.policy import Resource as Wanted
from auditor.policies.clusterimagepolicy.policy import Selector
from auditor.policies.inspected import Resource

_POD: Final = ("", "v1", "pods")
_MAKERS: Final = frozenset(
    {"ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController"}
)


def matches(wanted: Iterable[Wanted], resource: Resource) -> bool | None:
    """Whether one entry covers the resource or its pods; None where the tree does not tell. No entries cover everything."""
    entries = tuple(wanted)
    if not entries:
        return True
    answers = [answer for entry in entries for answer in _one(entry, resource)]
    if True in answers:
        return True
    return None if None in answers else False


def _one(entry: Wanted, resource: Resource) -> Iterable[bool | None]:
    if not resource.named:
        yield _covers(entry, _POD, None)
        return
    kind = (resource.group, resource.version, f"{resource.kind.lower()}s")
    labels = dict(resource.labels)
    yield _covers(entry, kind, labels)
    if resource.kind in _MAKERS:
        # The labels of the pods are the template's: they are not in the inventory.
        yield _covers(entry, _POD, None)


def _covers(entry: Wanted, kind: tuple[str, str, str], labels: Mapping[str, str] | None) -> bool | None:
    group, version, plural = kind
    if entry.group != group or entry.version not in {"", "*", version} or entry.resource not in {"", "*", plural}:
        return False
    if entry.version == "" or entry.resource in {"", "*"}:
        # What the controller makes of a field that is left out has changed between versions.
        return None
    if entry.selector is None:
        return True
    return None if labels is None else _selects(entry.selector, labels)


def _selects(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Kubernetes' label selectors: every label and every expression must hold."""
    if any(labels.get(key) != value for key, value in selector.labels):
        return False
    return all(_holds(key, operator, values, labels) for key, operator, values in selector.expressions)


def _holds(key: str, operator: str, values: tuple[str, ...], labels: Mapping[str, str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
