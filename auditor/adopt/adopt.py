"""Adoption on one page: what is deployed → who signed it → rules that hold → what they leave, as a baseline → the CI file.

Nothing is written here, and no file that exists is changed: what an existing `auditor.yaml` lacks is an addition for a person
to apply. What is proposed is loaded and judges the tree before anybody sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from auditor import pipeline
from auditor.adopt.choose import Proposal, propose
from auditor.adopt.forges import CiFile, ForgeKind, ci_file, detect, remote_parts
from auditor.adopt.rules_text import Root, additions, rules_text
from auditor.adopt.survey import deployed, deployed_before, survey
from auditor.config.catalog import shipped_publishers
from auditor.config.load import DEFAULTS, load_rules
from auditor.config.rules import RegistrySettings, Rules, TrustSetting
from auditor.config.surroundings import BASELINE_FILE
from auditor.edit.baseline import recordable, written
from auditor.edit.splice import Splice, spliced
from auditor.errors import ConfigurationError
from auditor.manifests.inventory import Shared
from auditor.model.finding import Level
from auditor.model.report import Report
from auditor.rules_file import RulesFile
from auditor.source.change import Change
from auditor.world import World

RULES_FILE = "auditor.yaml"


class Wish(Struct, frozen=True):
    """What the person who adopts says: hosts that may be asked, owners that are known, roots, the forge, how much history.

    `roots` are names (`public-good`, `github`) or files of the tree, with their content where they lie outside it yet.
    """

    registries: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    roots: tuple[Root, ...] = ()
    root_files: Mapping[str, bytes] = field(default_factory=dict)
    forge: ForgeKind | None = None
    with_ci: bool = True
    history: int = 20


class Adoption(Struct, frozen=True):
    """What adoption would write. `files` are new; `added` is what an existing rules file lacks, for a person.

    `check` is what `auditor check` will say of the tree then; None where nothing can be loaded before a person acts.
    """

    proposal: Proposal
    files: Mapping[str, bytes]
    added: Mapping[str, tuple[Splice, ...]] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    check: Report | None = None

    @property
    def complete(self) -> bool:
        """Whether everything could be told of every image."""
        return not self.proposal.unknown and not self.unread

    @property
    def unread(self) -> Mapping[str, int]:
        """How many findings of each rule say that something in the tree could not be read or judged."""
        found = self.check.findings if self.check else ()
        return Counter(each.rule for each in found if each.level is Level.INCOMPLETE and each.counts)


def adopt(change: Change, rules_file: RulesFile, world: World, wish: Wish) -> Adoption:
    """The adoption of a tree. Raises ConfigurationError where its present rules cannot be read."""
    change = replace(change, scope="")  # rules and baseline are the whole repository's, wherever in it PATH is
    present = rules_file.load(world.today, world.shared_rules)
    fresh = present.source == DEFAULTS
    asking = _asking(present, wish, fresh=fresh)
    shared = Shared()
    found = deployed(change, asking, world, shared)
    before = deployed_before(change, asking, shared, wish.history)
    sightings, answers = survey(found.uses, before, asking, world)
    host, owner = remote_parts(change.repository.remote() if change.repository else "")
    known = frozenset({*(each.lower() for each in wish.owners), *([owner] if owner else [])})
    proposal = propose(sightings, shipped_publishers(), known, world.today, present.signers)
    paths = change.head.entries()
    ci = _ci(paths, host, wish)
    files: dict[str, bytes] = {}
    told = list(answers.notes)
    added: dict[str, tuple[Splice, ...]] = {}
    check = None
    if fresh:
        files |= {RULES_FILE: rules_text(proposal, wish.roots).encode(), **wish.root_files}
        check, baseline = _judged(change, rules_file, world, files)
        if baseline and BASELINE_FILE not in paths:
            files[BASELINE_FILE] = baseline
    elif proposal.signers or proposal.catalog:
        lacking = _additions(present, rules_file, proposal, world)
        added = {present.source: lacking} if lacking is not None else {}
        if lacking is None:
            told.append(f"{present.source} is not written in a way that entries can be added to: see what is missing")
    if ci is not None:
        files[ci.path] = ci.content
    return Adoption(proposal, files, added, tuple(told), ci.then if ci else (), check)


def _asking(present: Rules, wish: Wish, *, fresh: bool) -> Rules:
    """By which rules is asked: the present ones, or without a file nobody's entries, and the roots that were named."""
    named = {host: RegistrySettings(host) for host in wish.registries}
    rules = replace(present, registries=named | dict(present.registries))
    if not fresh:
        return rules
    trust = tuple(
        TrustSetting(root.name, "file", {"file": wish.root_files.get(root.file, b"")}, path=root.file)
        if root.file
        else TrustSetting(root.name, root.name)
        for root in wish.roots
    )
    return replace(rules, images=(), trust=trust or present.trust)


def _ci(paths: Mapping[str, object], host: str, wish: Wish) -> CiFile | None:
    kind = wish.forge or detect(paths, host)
    return ci_file(kind, paths) if kind is not None and wish.with_ci else None


def _judged(
    change: Change, rules_file: RulesFile, world: World, files: Mapping[str, bytes]
) -> tuple[Report, bytes | None]:
    """What the proposed rules say of the tree, and a baseline of it. Raises ConfigurationError if they cannot be loaded."""

    def read(path: str) -> bytes | None:
        return files.get(path) or (None if path == BASELINE_FILE else rules_file.read(path))

    report = pipeline.check(change, RulesFile(read, RULES_FILE), world)
    entries = recordable(report.findings)
    return report, written(entries) if entries else None


def _additions(present: Rules, rules_file: RulesFile, proposal: Proposal, world: World) -> tuple[Splice, ...] | None:
    """What the present file lacks, if everything in it stays as it is; None where that cannot be done."""
    content = rules_file.read(present.source)
    lacking = additions(content.decode("utf-8"), proposal) if content is not None else None
    if content is None or lacking is None:
        return None
    text = spliced(content, lacking)

    def read(path: str) -> bytes | None:
        return text if path == present.source else rules_file.read(path)

    try:
        after = load_rules(read, present.source, today=world.today, fetch=world.shared_rules.fetch)
    except ConfigurationError:
        return None
    same = all(after.signers.get(name) == signer for name, signer in present.signers.items())
    return lacking if same and _keeps_entries(present, after) else None


def _keeps_entries(present: Rules, after: Rules) -> bool:
    """Whether the entries that were there come first, and unchanged but for where they stand."""
    own = [replace(each, line=0, label="") for each in present.images if each.file == present.source]
    now = [replace(each, line=0, label="") for each in after.images if each.file == present.source]
    return now[: len(own)] == own
