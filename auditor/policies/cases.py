"""Tables of expected verdicts, so that a team can test its policies: images, who runs them, and what each policy is to say.

version: 1
cases:
- image: ghcr.io/acme/api:2.1
resource: {kind: Deployment, namespace: prod, labels: {app: api}}     # optional; a Pod otherwise
expect: {ClusterImagePolicy/signed: pass, "*": skip}                  # "*": every policy that is not named
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from auditor.errors import ConfigurationError, Problem
from auditor.limits import DEFAULT, Limits
from auditor.manifests import yaml
from auditor.model.place import Place
from auditor.model.reference import InvalidReference, Reference
from auditor.model.report import PolicyVerdict
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.inspected import Containers, Resource
from auditor.policies.ruling import Judgment

_VERDICTS: Final = {each.value: each for each in PolicyVerdict}
_API: Final = {
    "Pod": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
}
_HELP: Final = 'a case has `image`, perhaps `resource`, and `expect`: policy names (or "*") with pass, fail, warn, skip, error or not-evaluable'
_EVERY: Final = "*"


class Case(Struct, frozen=True):
    """One image, who runs it, and the verdict that each policy is to give."""

    text: str
    reference: Reference
    resource: Resource
    expected: Mapping[str, PolicyVerdict]
    place: Place


class Outcome(Struct, frozen=True):
    """One cell: what was expected, and what the policy says. A policy that is not there says nothing: `found` is None."""

    case: Case
    policy: str
    expected: PolicyVerdict
    found: PolicyVerdict | None
    why: str

    @property
    def agrees(self) -> bool:
        """Whether the policy says what was expected."""
        return self.found is self.expected


def read_cases(content: bytes, file: str, limits: Limits = DEFAULT) -> tuple[Case, ...]:
    """Read a table. Raises ConfigurationError with every mistake."""
    mistakes: list[Mistake] = []
    cases: list[Case] = []
    for document in yaml.documents(content, file, limits=limits):
        if isinstance(document, yaml.Broken):
            mistakes.append(Mistake(Place(file, document.line), document.why))
            continue
        try:
            node = yaml.full(document, yaml.Descent(limits))
        except yaml.Tangled as problem:
            mistakes.append(Mistake(Place(file), str(problem)))
            continue
        whole = Cursor(node, "", Place(file, 1))
        if whole["version"].text != "1":
            mistakes.append(whole["version"].mistake("the version is 1"))
        cases.extend(case for each in whole["cases"] if (case := _case(each, mistakes)))
    if not cases and not mistakes:
        mistakes.append(Mistake(Place(file), "there are no cases"))
    if mistakes:
        raise ConfigurationError(tuple(Problem(m.place.file, m.place.line, str(m), _HELP) for m in mistakes))
    return tuple(cases)


def _case(item: Cursor, mistakes: list[Mistake]) -> Case | None:
    strange = [key for key in item.keys if key not in {"image", "resource", "expect"}]
    mistakes.extend(item[key].mistake("no case has such a key") for key in strange)
    expected = {}
    for name in item["expect"].keys:
        verdict = item["expect"][name]
        if verdict.text not in _VERDICTS:
            mistakes.append(verdict.mistake(f"{verdict.text!r} is none of {', '.join(_VERDICTS)}"))
        else:
            expected[name] = _VERDICTS[verdict.text]
    if not item["expect"].keys:
        mistakes.append(item["expect"].mistake("a case expects something of some policy"))
    try:
        reference = Reference.parse(item["image"].text)
    except InvalidReference as problem:
        mistakes.append(item["image"].mistake(f"{item['image'].text!r} is no image reference: {problem}"))
        return None
    return Case(item["image"].text, reference, _resource(item["resource"]), expected, item["image"].place)


def _resource(item: Cursor) -> Resource:
    kind = item["kind"].text or "Pod"
    return Resource(
        kind=kind,
        api_version=item["apiVersion"].text or _API.get(kind, ""),
        name=item["name"].text or "test",
        namespace=item["namespace"].text,
        labels=tuple(sorted(item["labels"].texts.items())),
        container="test",
        lists=frozenset({Containers.NORMAL}),
    )


def outcomes(case: Case, row: tuple[Judgment, ...]) -> Iterator[Outcome]:
    """Compare what the policies say of a case with what was expected, in the order of the row."""
    said = {each.policy.name: each.ruling for each in row}
    for name, expected in case.expected.items():
        if name != _EVERY and name not in said:
            yield Outcome(case, name, expected, None, "there is no such policy")
    for name, ruling in said.items():
        wanted = case.expected.get(name, case.expected.get(_EVERY))
        if wanted is not None:
            yield Outcome(case, name, wanted, ruling.verdict, ruling.why)
