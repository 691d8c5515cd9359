"""`match` and `exclude`: whether a rule speaks about a resource, as far as the tree tells.

Users, roles and what the API server alone knows (namespace labels) are unknown; so is everything about a namespace that the
manifest leaves open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

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


# ── labels ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Selector(Struct, frozen=True):
    """A label selector: pairs of wildcards, and expressions (key, operator, values)."""

    labels: tuple[tuple[str, str], ...]
    expressions: tuple[tuple[str, str, frozenset[str]], ...]

    @classmethod
    def of(cls, node: Cursor) -> Selector | None:
        """Read a selector; None where there is none."""
        if not node:
            return None
        expressions = tuple(
            (item["key"].text, item["operator"].text, frozenset(value.text for value in item["values"]))
            for item in node["matchExpressions"]
        )
        return cls(tuple(node["matchLabels"].texts.items()), expressions)

    def selects(self, resource: Resource, *, wild: bool = True) -> Maybe:
        """Whether it selects the resource's labels. Kyverno allows wildcards in `matchLabels`, Kubernetes does not."""
        if not resource.named:
            return None
        labels = dict(resource.labels)
        pairs = (_labelled(labels, *pair) if wild else labels.get(pair[0]) == pair[1] for pair in self.labels)
        return every((*pairs, *(_expressed(labels, *each) for each in self.expressions)))


def _labelled(labels: dict[str, str], key: str, value: str) -> bool:
    return any(matches(key, name) and matches(value, text) for name, text in labels.items())


def _expressed(labels: dict[str, str], key: str, operator: str, values: frozenset[str]) -> Maybe:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return None


# ── resources ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Filter(Struct, frozen=True):
    """One resource filter. Empty tuples ask for nothing; `hidden`: it asks for what only the cluster knows."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    namespaces: tuple[str, ...]
    selector: Selector | None
    admitted: bool
    hidden: bool
    empty: bool

    @classmethod
    def of(cls, item: Cursor) -> Filter:
        """Read an element of `any` or `all`, or a block that is itself a filter."""
        block = item["resources"]
        who = any(item[each] for each in _WHO)
        operations = {each.text for each in block["operations"]}
        return cls(
            _texts(block["kinds"]),
            _texts(block["names"]) + ((block["name"].text,) if block["name"] else ()),
            _texts(block["namespaces"]),
            Selector.of(block["selector"]),
            not operations or bool(operations & _ADMITTED),
            bool(who or block["annotations"] or block["namespaceSelector"]),
            not block and not who,
        )

    @property
    def looks_at(self) -> frozenset[str]:
        """The fields of a `Resource` that can change the answer, besides its kind."""
        asked = (("name", self.names), ("namespace", self.namespaces), ("labels", self.selector))
        return frozenset(field for field, wanted in asked if wanted)

    def takes(self, resource: Resource) -> Maybe:
        """Whether it takes the resource; an empty one takes nothing."""
        if self.empty or not self.admitted:
            return False
        kind = some(_kind(text, resource) for text in self.kinds) if self.kinds else True
        if kind is False:
            return False
        return every(
            (
                kind,
                _named(self.names, resource),
                some(_namespace(text, resource) for text in self.namespaces) if self.namespaces else True,
                self.selector.selects(resource) if self.selector else True,
                None if self.hidden else True,
            )
        )


class Match(Struct, frozen=True):
    """A `match`, `exclude` or exception block: any of its filters, or all of them."""

    filters: tuple[Filter, ...]
    need_all: bool = False

    @classmethod
    def of(cls, block: Cursor) -> Match:
        """Read a block: any of `any`, all of `all`, or its own filter."""
        if block["any"] or block["all"]:
            need_all = not block["any"]
            return cls(tuple(Filter.of(each) for each in block["all" if need_all else "any"]), need_all)
        return cls((Filter.of(block),))

    @property
    def looks_at(self) -> frozenset[str]:
        """The fields of a `Resource` that can change the answer, besides its kind."""
        return frozenset().union(*(each.looks_at for each in self.filters))

    def takes(self, resource: Resource) -> Maybe:
        """Whether it takes the resource."""
        answers = (each.takes(resource) for each in self.filters)
        return every(answers) if self.need_all else some(answers)


class Scope(Struct, frozen=True):
    """Whom a rule is about: what its `match` takes and its `exclude` does not."""

    match: Match
    exclude: Match

    @classmethod
    def of(cls, rule: Cursor) -> Scope:
        """Read both sides of a rule."""
        return cls(Match.of(rule["match"]), Match.of(rule["exclude"]))

    @property
    def looks_at(self) -> frozenset[str]:
        """The fields of a `Resource` that can change the answer, besides its kind."""
        return self.match.looks_at | self.exclude.looks_at

    def speaks(self, resource: Resource) -> Maybe:
        """Whether the rule speaks about the resource."""
        taken = self.match.takes(resource)
        return False if taken is False else both(taken, negated(self.exclude.takes(resource)))


def _texts(items: Cursor) -> tuple[str, ...]:
    return tuple(item.text for item in items)


def _named(patterns: tuple[str, ...], resource: Resource) -> Maybe:
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
        return None if resource.kind == POD else False
    return _version(parts[:-1], resource)


def _version(parts: list[str], resource: Resource) -> Maybe:
    if not parts or all(part == "*" for part in parts):
        return True
    if not resource.api_version:
        return None
    version = matches(parts[-1], resource.version)
    return version and (len(parts) < 2 or matches(parts[-2], resource.group))


# ── pods of controllers ──────────────────────────────────────────────────────────────────────────────────────────────────


class Autogen(Struct, frozen=True):
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
