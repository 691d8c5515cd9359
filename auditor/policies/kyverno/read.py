"""ClusterPolicy and Policy documents → `ClusterPolicy`. What Kyverno's own admission would refuse makes it unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.nodes import Mapping, Node, Scalar, Sequence
from auditor.manifests.objects import Object
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import Found
from auditor.policies.kyverno.attestations import Attestation
from auditor.policies.kyverno.attestors import Reader
from auditor.policies.kyverno.clusterpolicy import ClusterPolicy, Override, Rule, Verification
from auditor.policies.kyverno.conditions import expressions, problem_with
from auditor.policies.kyverno.exceptions import exceptions_to
from auditor.policies.kyverno.match import Autogen, Scope
from auditor.policies.kyverno.refusal import refused
from auditor.policies.ruling import Policy
from auditor.policies.versions import Kyverno

VERSIONS: Final = frozenset({"v1", "v2beta1", "v2"})
_ACTIONS: Final = {"enforce": True, "audit": False}
_TYPES: Final = frozenset({"", "Cosign", "SigstoreBundle", "Notary"})
_REKOR: Final = "https://rekor.sigstore.dev"


def verifies_images(found: Object) -> bool:
    """Whether any rule of the policy is about signatures: the others are none of this program's business."""
    return any(rule["verifyImages"] for rule in Cursor.at(found)["spec"]["rules"])


def read_policy(
    found: Object, tree: Found, exceptions: tuple[Cursor, ...], registry: str, version: Kyverno = Kyverno.V1_19
) -> tuple[Policy, tuple[Mistake, ...]]:
    """One policy and what is wrong with it; with any mistake it is not evaluable."""
    reading = _Reading(Cursor.at(found), tree, version)
    read = reading.policy(f"{found.kind}/{found.name}", exceptions, registry)
    return refused(found, VERSIONS, reading.mistakes) or (read, ())


class _Reading:
    """One policy on its way from nodes to values."""

    def __init__(self, policy: Cursor, tree: Found, version: Kyverno) -> None:
        self._version = version
        self._policy = policy
        self._tree = tree
        self.mistakes: list[Mistake] = []

    def policy(self, name: str, exceptions: tuple[Cursor, ...], registry: str) -> ClusterPolicy:
        spec = self._policy["spec"]
        namespaced = self._policy["kind"].text == "Policy"
        namespace = self._policy["metadata"]["namespace"].text if namespaced else None
        enforce = self._action(spec["validationFailureAction"], default=False)
        known = exceptions_to(self._policy["metadata"]["name"].text, namespace or "", exceptions)
        rules = tuple(
            Rule(
                rule["name"].text,
                Scope.of(rule),
                rule["preconditions"] or None,
                bool(rule["celPreconditions"]),
                frozenset(rule["imageExtractors"].keys),
                tuple(self._verifications(rule, enforce=bool(enforce))),
                known,
            )
            for rule in spec["rules"]
            if rule["verifyImages"]
        )
        return ClusterPolicy(
            name,
            self._policy.place,
            namespace,
            rules if spec["admission"].text != "false" else (),
            bool(enforce),
            tuple(self._overrides(spec)),
            Autogen.of(self._policy, spec["rules"]),
            registry,
        )

    def _action(self, field: Cursor, *, default: bool | None) -> bool | None:
        if not field:
            return default
        action = _ACTIONS.get(field.text.lower())
        if action is None:
            self.mistakes.append(field.mistake(f"not an action: {field.text[:60]!r} (Enforce or Audit)"))
        return action

    def _overrides(self, spec: Cursor) -> Iterator[Override]:
        for item in spec["validationFailureActionOverrides"]:
            by_label = bool(item["namespaceSelector"])
            names = () if by_label else tuple(each.text for each in item["namespaces"])
            yield Override(bool(self._action(item["action"], default=False)), names)

    def _verifications(self, rule: Cursor, *, enforce: bool) -> Iterator[Verification]:
        for condition in (rule["preconditions"],):
            self._check_expressions(condition)
        for item in rule["verifyImages"]:
            yield self._verification(_converted(item), enforce=enforce)

    def _verification(self, item: Cursor, *, enforce: bool) -> Verification:
        kind = item["type"].text
        if kind not in _TYPES:
            self.mistakes.append(item["type"].mistake(f"not a type of signature: {kind[:60]!r}"))
        references = tuple(each.text for each in item["imageReferences"])
        if not references:
            self.mistakes.append(item.mistake("`imageReferences` is missing"))
        action = self._action(item["failureAction"], default=None)
        mutates = item["mutateDigest"].text != "false"
        if mutates and not (enforce if action is None else action):
            self.mistakes.append(item.mistake("with the action Audit `mutateDigest` must be false"))
        bundle = kind == "SigstoreBundle"
        reader = Reader(self._tree, bundle=bundle, version=self._version)
        sets = reader.sets(item["attestors"], item)
        attestations = tuple(self._attestation(each, item, reader) for each in item["attestations"])
        self.mistakes.extend(reader.mistakes)
        return Verification(
            item.place,
            references,
            tuple(each.text for each in item["skipImageReferences"]),
            sets,
            attestations,
            bundle,
            action,
            mutates,
            item["verifyDigest"].text != "false",
            item["required"].text != "false",
            _unclear(item, kind, references),
        )

    def _attestation(self, field: Cursor, item: Cursor, reader: Reader) -> Attestation:
        kind = field["type"].text or field["predicateType"].text
        if not kind:
            self.mistakes.append(field.mistake("an attestation needs its `type`"))
        self._check_expressions(field["conditions"])
        return Attestation(kind, reader.sets(field["attestors"], item), field["conditions"])

    def _check_expressions(self, block: Cursor) -> None:
        for field in _conditions(block):
            for expression in expressions(field.text):
                if why := problem_with(expression):
                    self.mistakes.append(field.mistake(f"not JMESPath: {why}"))


def _conditions(block: Cursor) -> Iterator[Cursor]:
    """Every key and value of conditions, however they are nested."""
    for item in block:
        yield from _conditions(item["any"])
        yield from _conditions(item["all"])
        yield from (item["key"], item["value"])
    for way in ("any", "all"):
        for item in block[way]:
            yield from (item["key"], item["value"])


def _unclear(item: Cursor, kind: str, references: tuple[str, ...]) -> str | None:
    if kind == "Notary":
        return "signatures of the type Notary are not evaluated here"
    if item["validate"]:
        return "`validate` of a verifyImages entry is not evaluated here"
    if item["cosignOCI11"].yes:
        return "cosignOCI11 is experimental and not evaluated here"
    if any("{{" in text for text in references):
        return "imageReferences holds a variable that the cluster fills in"
    return None


# ── the flat form of old ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Flat(Struct, frozen=True):
    """Fields of the entry itself, as they stand in the attestor that Kyverno makes of them."""

    way: str
    names: tuple[tuple[str, str], ...]


_FLAT: Final = (
    _Flat("keys", (("key", "publicKeys"),)),
    _Flat(
        "keyless",
        (
            ("issuer", "issuer"),
            ("subject", "subject"),
            ("roots", "roots"),
            ("additionalExtensions", "additionalExtensions"),
        ),
    ),
)


def _converted(item: Cursor) -> Cursor:
    """The flat form (`image`, `key`, `issuer` …) as the attestors that Kyverno makes of it."""
    node = item.node
    if not isinstance(node, Mapping):
        return item
    entries = list(node.entries)
    if (image := item["image"]) and image.node is not None and not item["imageReferences"]:
        entries.append(("imageReferences", Sequence([image.node])))
    if not item["attestors"] and (attestor := _flat_attestor(item)) is not None:
        entries.append(("attestors", Sequence([Mapping([("entries", Sequence([attestor]))], node.file, node.line)])))
    return Cursor(Mapping(entries, node.file, node.line), item.path, item.above)


def _flat_attestor(item: Cursor) -> Node | None:
    for flat in _FLAT:
        fields = [(new, node) for old, new in flat.names if item[old] and (node := item[old].node) is not None]
        if fields:
            place = item.place
            url: tuple[str, Node] = ("url", Scalar(_REKOR, place.file, place.line, place.column))
            rekor: tuple[str, Node] = ("rekor", Mapping([url], place.file, place.line))
            inner = Mapping([*fields, rekor], place.file, place.line)
            return Mapping([(flat.way, inner)], place.file, place.line)
    return None
