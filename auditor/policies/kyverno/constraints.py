"""`matchConstraints` of an ImageValidatingPolicy: Kubernetes' own admission rules over resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.policies.cursor import Cursor
from auditor.policies.inspected import Resource
from auditor.policies.kyverno.answer import Maybe, both, every, negated, some

_ADMITTED = frozenset({"CREATE", "UPDATE", "*"})


@dataclass(frozen=True, slots=True)
class Constraints:
    """Which requests the policy is asked about."""

    node: Cursor

    def take(self, resource: Resource) -> Maybe:
        """Whether the resource is among them; labels of namespaces are unknown."""
        node = self.node
        rules = [_rule(each, resource) for each in node["resourceRules"]]
        excluded = some(_rule(each, resource) for each in node["excludeResourceRules"])
        return both(
            some(rules),
            negated(excluded),
            None if node["namespaceSelector"].keys else True,
            _selected(node["objectSelector"], resource) if node["objectSelector"].keys else True,
        )


def _rule(rule: Cursor, resource: Resource) -> Maybe:
    operations = {each.text for each in rule["operations"]}
    if operations and not operations & _ADMITTED:
        return False
    kinds = {each.text for each in rule["resources"]}
    plural = f"{resource.kind.lower()}s"
    if not kinds & {"*", "*/*", plural}:
        return False
    names = {each.text for each in rule["resourceNames"]}
    named: Maybe = (resource.name in names if resource.name else None) if names else True
    return both(
        named, _any(rule["apiGroups"], resource.group, resource), _any(rule["apiVersions"], resource.version, resource)
    )


def _any(field: Cursor, value: str, resource: Resource) -> Maybe:
    wanted = {each.text for each in field}
    if "*" in wanted or not wanted:
        return True
    return value in wanted if resource.api_version else None


def _selected(selector: Cursor, resource: Resource) -> Maybe:
    """A plain label selector: exact, without wildcards."""
    if not resource.named:
        return None
    labels = dict(resource.labels)
    wanted = selector["matchLabels"].texts
    return every((*(labels.get(key) == value for key, value in wanted.items()), *_expressions(selector, labels)))


def _expressions(selector: Cursor, labels: dict[str, str]) -> Iterator[Maybe]:
    for item in selector["matchExpressions"]:
        key, values = item["key"].text, {value.text for value in item["values"]}
        answers: dict[str, Maybe] = {
            "In": labels.get(key) in values,
            "NotIn": labels.get(key) not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        yield answers.get(item["operator"].text)
