"""The cluster's own policies in a run: read from the revision that judges, ruling on the same raw signatures as the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from auditor.config.rules import Rules, TrustSetting
from auditor.gather import Listings
from auditor.judge.findings.policy import gate_findings
from auditor.judge.waivers import excuse
from auditor.model.finding import Level
from auditor.model.report import Report
from auditor.model.use import Use
from auditor.policies.found import Found, find_policies
from auditor.policies.ruling import Engine, Policy
from auditor.source.differ import differing
from auditor.source.tree import Tree

if TYPE_CHECKING:
    from auditor.policies.proofs import Proofs
    from auditor.policies.table import Table
    from auditor.policies.versions import Versions

_PUBLIC_GOOD: Final = "public-good"
_FLUX: Final = ".toolkit.fluxcd.io"


@dataclass(frozen=True, slots=True)
class Enforced:
    """The policies of a tree: those that rule on images, and Rego over the result of the run, content by path."""

    policies: tuple[Policy, ...] = ()
    rego: Mapping[str, bytes] = field(default_factory=dict)
    found: Found = field(default_factory=Found, repr=False)
    globs: tuple[str, ...] = ()

    @property
    def repositories(self) -> frozenset[str]:
        """Where they look for signatures beside the image's own repository."""
        return frozenset().union(*(policy.repositories for policy in self.policies))

    @property
    def attested(self) -> bool:
        """Whether one of them asks for attestations beside the signatures."""
        return any(policy.attested for policy in self.policies)

    @property
    def files(self) -> frozenset[str]:
        """Files that hold policies over workloads. Flux's verify what they themselves fetch, and change with every version."""
        own = frozenset(policy.place.file for policy in self.policies if policy.engine is not Engine.FLUX)
        return own | self.rego.keys()

    def charts(self, tree: Tree) -> tuple[Use, ...]:
        """The charts that Flux verifies in a tree. What the tree shares with the one of the policies is not read again."""
        if self.found.tree is None:
            return ()
        objects = self.found.objects
        if tree is not self.found.tree:
            changed = differing(self.found.tree, tree)
            kept = (each for each in objects if each.file not in changed)
            objects = (*kept, *find_policies(tree, self.globs, within=changed).objects)
        if not any(each.group.endswith(_FLUX) for each in objects):
            return ()
        from auditor.policies.flux import chart_uses  # noqa: PLC0415 - loads the engines, which most trees don't need

        return chart_uses(objects)

    def table(self, uses: Iterable[Use], listings: Listings, rules: Rules, now: datetime) -> Table | None:
        """Where it is written down what each policy says of each image; None without policies."""
        if not self.policies:
            return None
        from auditor.policies.table import Table  # noqa: PLC0415 - the arithmetic of signatures is loaded where a policy rules

        return Table(self.policies, uses, listings.found, partial(_proofs, rules, now))

    def gate(self, report: Report, rules: Rules, today: date) -> Report:
        """The report with what Rego (`package auditor`) says of it, read as JSON v1. Waivers hold for that as well."""
        if not self.rego:
            return report
        from auditor.policies.rego.evaluate import Rego  # noqa: PLC0415
        from auditor.policies.rego.gate import ask_gate  # noqa: PLC0415
        from auditor.report.json_v1 import document  # noqa: PLC0415

        with Rego() as rego:
            said = ask_gate(self.rego, document(report), rego)
        found = (excuse(each, rules, today) for each in (gate_findings(said, rules) if said is not None else ()))
        return replace(report, findings=(*report.findings, *(each for each in found if each.level is not Level.OFF)))


def _proofs(rules: Rules, now: datetime) -> Proofs:
    from auditor.policies.proofs import Proofs  # noqa: PLC0415 - as in `Enforced.table`
    from auditor.signatures.trust import load_trust  # noqa: PLC0415

    public = next((each for each in rules.trust if each.kind == _PUBLIC_GOOD), None)
    # Asked for by the rules it is at hand already; else the embedded copy does, and nobody is asked.
    trust = load_trust((public or TrustSetting(_PUBLIC_GOOD, _PUBLIC_GOOD),), now=now, offline=True)
    return Proofs(trust.roots[0], now)


def enforced(tree: Tree, rules: Rules, versions: Versions | None = None) -> Enforced:
    """The policies that a tree holds, or that `policies:` names in it."""
    return enforced_by(find_policies(tree, rules.policies), rules, versions)


def enforced_by(found: Found, rules: Rules, versions: Versions | None = None) -> Enforced:
    """The policies that were found in a tree by these rules."""
    rego = {each.file: each.content for each in found.rego}
    globs = tuple(rules.policies)
    if not found.objects and not found.mistakes:
        return Enforced((), rego, found, globs)
    from auditor.policies.load import load_policies  # noqa: PLC0415 - a tree without policies needs no engine

    return Enforced(load_policies(found, versions).policies, rego, found, globs)
