"""Policy files of a tree → policies, ready to judge: each engine reads its own kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.manifests.objects import Object
from auditor.model.place import Place
from auditor.policies.cursor import Mistake
from auditor.policies.found import Found, connaisseur_values
from auditor.policies.ruling import Engine, NotReadable, Policy
from auditor.policies.versions import Versions


class Loaded(Struct, frozen=True):
    """Every policy, those that cannot be read among them; and what is wrong, each at its line."""

    policies: tuple[Policy, ...] = ()
    mistakes: tuple[Mistake, ...] = ()


_Load: TypeAlias = Callable[[Found, Versions], tuple[tuple[Policy, ...], tuple[Mistake, ...]]]
"""One for each engine: policies, and mistakes in them."""


def load_policies(found: Found, versions: Versions | None = None, limits: Limits = DEFAULT) -> Loaded:
    """Read every policy that was found. Raises nothing: what cannot be read is a policy that is not evaluable."""
    policies: list[Policy] = []
    mistakes = [*found.mistakes, *_too_many(found.objects, limits)]
    found = replace(found, objects=found.objects[: limits.policies])
    policies.extend(
        NotReadable(Engine.UNKNOWN, f"Policy/{each.place.file}", each.place, each.message) for each in mistakes
    )
    for load in _engines(found):
        more, wrong = load(found, versions or Versions())
        policies.extend(more)
        mistakes.extend(wrong)
    return Loaded(tuple(policies), tuple(mistakes))


def _engines(found: Found) -> Iterator[_Load]:
    """Who reads what is there. The code of an engine is loaded only where the tree holds a policy of it."""
    groups = {each.group for each in found.objects}
    if groups & {"kyverno.io", "policies.kyverno.io"}:
        from auditor.policies.kyverno.load import load_kyverno  # noqa: PLC0415 - as said above, here and below

        yield load_kyverno
    if "policy.sigstore.dev" in groups:
        from auditor.policies.clusterimagepolicy.load import load_clusterimagepolicies  # noqa: PLC0415

        yield load_clusterimagepolicies
    if groups & {"source.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"}:
        from auditor.policies.flux import load_flux  # noqa: PLC0415

        yield load_flux
    if any(connaisseur_values(each) for each in found.objects):
        from auditor.policies.connaisseur.load import load_connaisseur  # noqa: PLC0415

        yield load_connaisseur


def _too_many(objects: tuple[Object, ...], limits: Limits) -> Iterator[Mistake]:
    if len(objects) > limits.policies:
        first = objects[limits.policies]
        why = f"the tree holds {len(objects)} objects of policy engines: those after the first {limits.policies} are not read"
        yield Mistake(Place(first.file, first.line), why)
