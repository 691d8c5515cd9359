"""`matchConstraints` of an ImageValidatingPolicy: Kubernetes' own admission rules over resources."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from auditor.policies.cursor import Cursor
from auditor.policies.inspected import Resource
from auditor.policies.kyverno.answer import Maybe, both, negated, some
from auditor.policies.kyverno.match import Selector

_ADMITTED: Final = frozenset({"CREATE", "UPDATE", "*"})
_ANY: Final = "*"


class ResourceRule(Struct, frozen=True):
    """One of `resourceRules`; empty sets ask for nothing."""

    admitted: bool
    resources: frozenset[str]
    names: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]

    @classmethod
    def of(cls, rule: Cursor) -> ResourceRule:
        """Read one rule."""
        operations = _set(rule["operations"])
        return cls(
            not operations or bool(operations & _ADMITTED),
            _set(rule["resources"]),
            _set(rule["resourceNames"]),
            _set(rule["apiGroups"]),
            _set(rule["apiVersions"]),
        )

    def takes(self, resource: Resource) -> Maybe:
        """Whether requests about the resource are meant."""
        if not self.admitted or self.resources.isdisjoint({_ANY, "*/*", f"{resource.kind.lower()}s"}):
            return False
        named: Maybe = True
        if self.names:
            named = resource.name in self.names if resource.name else None
        return both(named, _any(self.groups, resource.group, resource), _any(self.versions, resource.version, resource))


def _any(wanted: frozenset[str], value: str, resource: Resource) -> Maybe:
    if not wanted or _ANY in wanted:
        return True
    return value in wanted if resource.api_version else None


def _set(items: Cursor) -> frozenset[str]:
    return frozenset(each.text for each in items)


class Constraints(Struct, frozen=True):
    """Which requests the policy is asked about. `hidden`: it asks for labels of namespaces, which only the cluster knows."""

    rules: tuple[ResourceRule, ...]
    excluded: tuple[ResourceRule, ...]
    selector: Selector | None
    hidden: bool

    @classmethod
    def of(cls, node: Cursor) -> Constraints:
        """Read `matchConstraints`."""
        return cls(
            tuple(ResourceRule.of(each) for each in node["resourceRules"]),
            tuple(ResourceRule.of(each) for each in node["excludeResourceRules"]),
            Selector.of(node["objectSelector"]) if node["objectSelector"].keys else None,
            bool(node["namespaceSelector"].keys),
        )

    @property
    def looks_at(self) -> frozenset[str]:
        """The fields of a `Resource` that can change the answer, besides its kind."""
        names = any(each.names for each in (*self.rules, *self.excluded))
        asked = (("name", names), ("labels", self.selector))
        return frozenset(field for field, wanted in asked if wanted)

    def take(self, resource: Resource) -> Maybe:
        """Whether the resource is among them."""
        return both(
            some(each.takes(resource) for each in self.rules),
            negated(some(each.takes(resource) for each in self.excluded)),
            None if self.hidden else True,
            self.selector.selects(resource, wild=False) if self.selector else True,
        )
