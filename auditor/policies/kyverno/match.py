"""`match` and `exclude`: whether a rule speaks about a resource, as far as the tree tells.

Users, roles and what the API server alone knows (namespace labels) are unknown; so is everything about a namespace that the
manifest leaves open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from auditor.policies.cursor import Cursor
from auditor.policies.inspected import Resource
from auditor.policies.kyverno.answer import Maybe, both, every, negated, some
from auditor.policies.kyverno.wildcard import matches

POD: Final = "Pod"
CONTROLLERS: Final = frozenset(
    {"DaemonSet", "Deployment", "Job", "StatefulSet", "ReplicaSet", "ReplicationController", "CronJob"}
)
"""Kinds whose pods Kyverno knows where to find, besides the pod itself."""
POD_KINDS: Final = CONTROLLERS | {POD}
_WHO: Final = ("subjects", "roles", "clusterRoles")
_ADMITTED: Final = frozenset({"CREATE", "UPDATE"})


def speaks(rule: Cursor, resource: Resource) -> Maybe:
    """Whether the rule's `match` takes the resource and its `exclude` does not."""
    return both(taken(rule["match"], resource), negated(_excluded(rule["exclude"], resource)))


def taken(block: Cursor, resource: Resource) -> Maybe:
    """Whether a `match` block takes the resource: any of `any`, all of `all`, or its own filter."""
    if block["any"]:
        return some(_filter(each, resource) for each in block["any"])
    if block["all"]:
        return every(_filter(each, resource) for each in block["all"])
    return _filter(block, resource)


def _excluded(block: Cursor, resource: Resource) -> Maybe:
    return taken(block, resource) if block and block.keys else False


def _filter(block: Cursor, resource: Resource) -> Maybe:
    resources = block["resources"]
    if not resources and not any(block[who] for who in _WHO):
        return False  # an empty filter takes nothing
    return both(_resources(resources, resource), None if any(block[who] for who in _WHO) else True)


def _resources(block: Cursor, resource: Resource) -> Maybe:
    return every(
        (
            _one_of(block["kinds"], lambda text: _kind(text, resource)),
            _operations(block["operations"]),
            _named(block, resource),
            _one_of(block["namespaces"], lambda text: _namespace(text, resource)),
            None if block["annotations"] else True,
            _selected(block["selector"], resource) if block["selector"] else True,
            None if block["namespaceSelector"] else True,
        )
    )


def _one_of(items: Cursor, answer: object) -> Maybe:
    texts = [item.text for item in items]
    assert callable(answer)
    return some(answer(text) for text in texts) if texts else True


def _operations(block: Cursor) -> bool:
    operations = {item.text for item in block}
    return not operations or bool(operations & _ADMITTED)


def _named(block: Cursor, resource: Resource) -> Maybe:
    patterns = [item.text for item in block["names"]] + ([block["name"].text] if block["name"] else [])
    if not patterns:
        return True
    return some(matches(pattern, resource.name) for pattern in patterns) if resource.name else None


def _namespace(pattern: str, resource: Resource) -> Maybe:
    if pattern == "*":
        return True
    return matches(pattern, resource.namespace) if resource.namespace else None


def _kind(text: str, resource: Resource) -> Maybe:
    """`Pod`, `v1/Pod`, `apps/v1/Deployment`, `*/Pod`; a subresource (`Pod/ephemeralcontainers`) is somebody else's request."""
    parts = text.split("/")
    subresource = len(parts) > 1 and parts[-1][:1].islower()
    if subresource:
        parts.pop()
    kind, _, dotted = parts[-1].partition(".")
    if not matches(kind, resource.kind):
        return False
    if subresource or dotted:
        return None if (dotted or parts[-1]) and resource.kind == POD else False
    return _version(parts[:-1], resource)


def _version(parts: list[str], resource: Resource) -> Maybe:
    if not parts or all(part == "*" for part in parts):
        return True
    if not resource.api_version:
        return None
    version = matches(parts[-1], resource.version)
    return version and (len(parts) < 2 or matches(parts[-2], resource.group))


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _selected(selector: Cursor, resource: Resource) -> Maybe:
    """A label selector; Kyverno allows wildcards in keys and values of `matchLabels`."""
    if not resource.named:
        return None
    labels = dict(resource.labels)
    wanted = selector["matchLabels"].texts
    return every((*(_labelled(labels, key, value) for key, value in wanted.items()), *_expressions(selector, labels)))


def _labelled(labels: dict[str, str], key: str, value: str) -> bool:
    return any(matches(key, name) and matches(value, text) for name, text in labels.items())


def _expressions(selector: Cursor, labels: dict[str, str]) -> Iterator[Maybe]:
    for item in selector["matchExpressions"]:
        key, values = item["key"].text, {value.text for value in item["values"]}
        match item["operator"].text:
            case "In":
                yield labels.get(key) in values
            case "NotIn":
                yield labels.get(key) not in values
            case "Exists":
                yield key in labels
            case "DoesNotExist":
                yield key not in labels
            case _:
                yield None


# ── pods of controllers ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Autogen:
    """For which controllers Kyverno repeats the rules about pods; empty where it does not."""

    kinds: frozenset[str]

    @classmethod
    def of(cls, policy: Cursor, rules: Iterable[Cursor]) -> Autogen:
        """From the annotation and from what the rules match: one that picks pods by name or label switches it off for all."""
        if not all(_repeatable(rule) for rule in rules):
            return cls(frozenset())
        written = policy["metadata"]["annotations"].texts.get("pod-policies.kyverno.io/autogen-controllers")
        if written is None or written == "all":
            return cls(CONTROLLERS)
        return cls(frozenset(part.strip() for part in written.split(",")) & CONTROLLERS)

    def as_pod(self, resource: Resource) -> Resource | None:
        """The pod as which a controller is judged; None where Kyverno does not do so."""
        return replace(resource, kind=POD, api_version="v1") if resource.kind in self.kinds else None


def _repeatable(rule: Cursor) -> bool:
    return all(_plain(block) for side in ("match", "exclude") for block in _blocks(rule[side]))


def _blocks(side: Cursor) -> Iterator[Cursor]:
    yield side["resources"]
    for way in ("any", "all"):
        for item in side[way]:
            yield item["resources"]


def _plain(block: Cursor) -> bool:
    kinds = [kind.text.rpartition("/")[2] for kind in block["kinds"]]
    by_name = any(block[key] for key in ("name", "names", "selector", "annotations"))
    return not by_name and not (len(kinds) > 1 and POD in kinds)


def pod_of(resource: Resource) -> Resource | None:
    """The pod that a controller will create, its name, labels and kind of request unknown; None for other kinds."""
    if resource.kind not in CONTROLLERS:
        return None
    return replace(resource, kind=POD, api_version="v1", name="", labels=(), named=False)
