"""Our reading of the same policies over the same registry: what the auditor says of each workload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import inventory
from auditor.model.evidence import Evidence, Resolved
from auditor.model.reference import Digest, Reference
from auditor.model.report import PolicyVerdict
from auditor.model.use import Use
from auditor.policies.found import find_policies
from auditor.policies.inspected import Inspected, inspected
from auditor.policies.load import load_policies
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Policy, Ruling, side_by_side, worst
from auditor.policies.versions import Versions
from auditor.registry.client import RegistryClient, open_registry
from auditor.registry.material import Listing
from auditor.signatures.root import parse_root
from auditor.source.memory import MemoryTree
from tests.interop.policies.stage import Stage
from tests.interop.policies.tables import ACCEPTS, REFUSES, SILENT, UNKNOWN, Table, Workload, written

_MEANS: Final = {
    PolicyVerdict.PASS: ACCEPTS,
    PolicyVerdict.FAIL: REFUSES,
    PolicyVerdict.WARN: REFUSES,
    PolicyVerdict.ERROR: REFUSES,
    PolicyVerdict.SKIP: SILENT,
    PolicyVerdict.NOT_EVALUABLE: UNKNOWN,
}


@dataclass
class Reader:
    """Reads tables. The stage's root stands where an engine that is told nothing takes Sigstore's public one."""

    stage: Stage
    registry: RegistryClient
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    _listings: dict[tuple[str, Digest], Listing] = field(default_factory=dict)

    @classmethod
    def open(cls, stage: Stage, ca_file: Path) -> Reader:
        """A reader with a registry client of its own; it lives as long as the process."""
        return cls(stage, open_registry({}, environ={"SSL_CERT_FILE": str(ca_file)}))

    def read(self, table: Table, versions: Versions | None = None) -> dict[str, dict[str, tuple[str, str]]]:
        """By policy and workload: what we say, and why."""
        policies = _policies(table, versions)
        proofs = Proofs(parse_root(self.stage.trusted_root, "the stage"), self.now)
        repositories = frozenset(name for policy in policies.values() for name in policy.repositories)
        said: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in table.policies}
        for workload in table.columns:
            images = [self._inspect(uses, repositories) for uses in _uses(workload)]
            rows = [
                dict(zip(policies, side_by_side(tuple(policies.values()), each, proofs), strict=True))
                for each in images
            ]
            for name in policies:
                said[name][workload.name] = _shown(worst(row[name].ruling for row in rows))
        return said

    def _inspect(self, uses: list[Use], repositories: Iterable[str]) -> Inspected:
        text = uses[0].reference
        reference = Reference.parse(text)
        resolution = self.registry.resolve(reference)
        if not isinstance(resolution, Resolved):
            return inspected(text, reference, uses, Evidence(resolution), None)
        digest = resolution.digest
        elsewhere = {name: self._listing(Reference.parse(name), digest) for name in repositories}
        listing = self._listing(reference, digest)
        return inspected(text, reference, uses, Evidence(resolution), listing, elsewhere=elsewhere)

    def _listing(self, reference: Reference, digest: Digest) -> Listing:
        key = (reference.name, digest)
        if key not in self._listings:
            self._listings[key] = self.registry.signatures(reference, digest, every=True)
        return self._listings[key]


def _policies(table: Table, versions: Versions | None) -> dict[str, Policy]:
    """Every policy of the table as it is read from a tree that holds the files that the engine is given."""
    files = {f"policies/{name}.yaml": written([document]).encode() for name, document in table.policies.items()}
    files["policies/others.yaml"] = written(list(table.others)).encode()
    loaded = load_policies(find_policies(MemoryTree(files, "policies")), versions)
    by_file = {policy.place.file: policy for policy in loaded.policies}
    return {name: by_file[f"policies/{name}.yaml"] for name in table.policies}


def _uses(workload: Workload) -> Iterator[list[Use]]:
    """The uses of a workload, by image."""
    tree = MemoryTree({"workload.yaml": written([workload.document]).encode()}, "workloads")
    by_text: dict[str, list[Use]] = {}
    for use in inventory(tree, ManifestSettings()).uses:
        by_text.setdefault(use.reference, []).append(use)
    yield from by_text.values()


def _shown(ruling: Ruling) -> tuple[str, str]:
    return _MEANS[ruling.verdict], ruling.why
