"""Why a document is no policy of Kyverno's: a template, a version that there is not, or what its reader found wrong."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.manifests.objects import Object
from auditor.policies.cursor import Cursor, Mistake
from auditor.policies.found import templated
from auditor.policies.ruling import Engine, NotReadable


def refused(
    found: Object, versions: frozenset[str], mistakes: Iterable[Mistake]
) -> tuple[NotReadable, tuple[Mistake, ...]] | None:
    """What stands for a policy that Kyverno would not admit, with its mistakes; None for one that can be evaluated.

    `versions` are those of its API group, `mistakes` what reading it has found. Of a template, or an unknown version, only that
    is told: what else seems wrong follows from it.
    """
    wrong = tuple(mistakes)
    if (filled := templated(found)) is not None:
        wrong = (Mistake(filled, "the policy is a template that Helm fills in: render it first"),)
    elif found.version not in versions:
        field = Cursor.at(found)["apiVersion"]
        wrong = (field.mistake(f"apiVersion {found.api_version[:60]} is not one that Kyverno has"),)
    if not wrong:
        return None
    why = f"Kyverno would refuse the policy, or it cannot be read: {wrong[0]}"
    return NotReadable(Engine.KYVERNO, f"{found.kind}/{found.name}", wrong[0].place, why), wrong
