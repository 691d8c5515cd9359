"""What `auditor policy` does, each on one page: lint, test, export. Policies are those of the tree itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from auditor.config.rules import TrustSetting
from auditor.limits import DEFAULT
from auditor.manifests.inventory import inventory
from auditor.model.evidence import Evidence, Resolved
from auditor.model.place import Place
from auditor.model.reference import Digest, Reference
from auditor.model.report import Report, Run
from auditor.policies.cases import Case, Outcome, outcomes
from auditor.policies.cursor import Mistake
from auditor.policies.export.write import export
from auditor.policies.found import Found, find_policies
from auditor.policies.inspected import Inspected
from auditor.policies.lint.run import lint
from auditor.policies.load import Loaded, load_policies
from auditor.policies.rego.evaluate import Rego
from auditor.policies.rego.gate import unreadable
from auditor.policies.ruling import side_by_side
from auditor.processors import waiting_pool
from auditor.registry.material import Listing, Registry
from auditor.rules_file import RulesFile
from auditor.source.change import Change
from auditor.version import __version__
from auditor.world import World

_NO_POLICY: Final = (
    "no policy was found; where they are is said under `policies:` of the rules, else all files are looked at"
)


def lint_policies(change: Change, rules_file: RulesFile, world: World) -> Report:
    """Every mistake in the policies of a tree. Asks nobody."""
    rules = rules_file.load(world.today, world.shared_rules)
    found = find_policies(change.head, rules.policies)
    loaded = load_policies(found)
    uses = inventory(change.head, rules.manifests).uses
    run = Run(
        "policy lint",
        change.scope or ".",
        world.now,
        __version__,
        head=change.head_commit,
        seconds=world.watch.seconds,
        notes=change.notes if found.objects or found.rego or found.mistakes else (*change.notes, _NO_POLICY),
    )
    return Report(
        run,
        findings=lint(found.objects, (*loaded.mistakes, *_rego_mistakes(found)), uses, rules.levels),
        fail_on=world.fail_on,
        exit_zero=world.exit_zero,
    )


def _rego_mistakes(found: Found) -> Iterator[Mistake]:
    if found.rego:
        with Rego() as rego:
            wrong = unreadable({each.file: each.content for each in found.rego}, rego)
        if wrong is not None:
            yield Mistake(Place(wrong[0]), wrong[1])


def export_rules(rules_file: RulesFile, world: World, target: str, *, identity_only: bool) -> str:
    """The rules of a tree in another language."""
    return export(rules_file.load(world.today, world.shared_rules), target, identity_only=identity_only)


def judge_cases(cases: Iterable[Case], change: Change, rules_file: RulesFile, world: World) -> tuple[Outcome, ...]:
    """What each policy says of each case, beside what was expected."""
    from auditor.policies.proofs import Proofs  # noqa: PLC0415 - cryptography is loaded when something is judged
    from auditor.registry.client import open_registry  # noqa: PLC0415
    from auditor.registry.offline import OfflineRegistry  # noqa: PLC0415
    from auditor.signatures.trust import load_trust  # noqa: PLC0415

    rules = rules_file.load(world.today, world.shared_rules)
    loaded = load_policies(find_policies(change.head, rules.policies), world.versions)
    table = tuple(cases)
    trust = load_trust((TrustSetting("public-good", "public-good"),), now=world.now, offline=world.offline)
    opened = (
        OfflineRegistry()
        if world.offline
        else open_registry(rules.registries, environ=world.environ, limits=DEFAULT.asking(world.jobs))
    )
    with opened as registry, waiting_pool(world.jobs) as pool:
        images = list(pool.map(lambda case: _inspect(case, loaded, registry), table))
    proofs = Proofs(next(iter(trust.roots), None), world.now)
    rows = [side_by_side(loaded.policies, image, proofs) for image in images]
    return tuple(each for case, row in zip(table, rows, strict=True) for each in outcomes(case, row))


def _inspect(case: Case, loaded: Loaded, registry: Registry) -> Inspected:
    resolution = registry.resolve(case.reference)
    listing: Listing | None = None
    elsewhere: Mapping[str, Listing] = {}
    if isinstance(resolution, Resolved):
        digest = resolution.digest
        listing = registry.signatures(case.reference, digest, every=True)
        elsewhere = _elsewhere(loaded, registry, digest)
    return Inspected(case.text, case.reference, Evidence(resolution), listing, (case.resource,), elsewhere)


def _elsewhere(loaded: Loaded, registry: Registry, digest: Digest) -> Mapping[str, Listing]:
    """What other repositories hold for the digest, where policies say so."""
    names = {name for policy in loaded.policies for name in policy.repositories}
    return {name: registry.signatures(Reference.parse(name), digest, every=True) for name in sorted(names)}


def agreed(rows: Iterable[Outcome]) -> bool:
    """Whether every policy says what was expected."""
    return all(each.agrees for each in rows)
