"""`auditor.yaml` → `Rules`, or every problem at once.

1. The file is found or named, read and checked against the table of keys; then each file that it extends.
2. Trust, keys and signers, of all files together: names must be unique, a file cannot replace another's signer.
3. Images, revocations, waivers: this file's entries come before those of the file it extends.
4. Single values (`otherwise`, `inspect`, `max-waiver-days`, `trust`, `manifests`, a level, a registry) are the first file's
   that has them.

Nothing is read but through `read`, so that base's rules come from base with every file that they name.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.config.catalog import Publisher, shipped_publishers
from auditor.config.check import Checker
from auditor.config.document import Problems, read_document
from auditor.config.files import Fetch, Files, Read
from auditor.config.keys import FILE, MAX_WAIVER_DAYS
from auditor.config.rules import ImageRule, Inspect, Otherwise, Rules, Signer
from auditor.config.sections import (
    CATALOG,
    Section,
    read_denied_digests,
    read_denied_signers,
    read_images,
    read_levels,
    read_waivers,
)
from auditor.config.shape import Fields, Word
from auditor.config.signers import read_signer
from auditor.config.surroundings import (
    DEFAULT_TRUST,
    check_trust,
    read_baseline,
    read_keys,
    read_manifests,
    read_policies,
    read_registries,
    read_trust,
)
from auditor.errors import ConfigurationError, Problem
from auditor.limits import DEFAULT, Limits
from auditor.model.finding import Finding, Level

RULES_FILES: Final = ("auditor.yaml", ".auditor.yaml", ".github/auditor.yaml")
"""Where rules are looked for, from the top of the tree."""

DEFAULTS: Final = "defaults"
"""`Rules.source` where there is no rules file."""


def find(read: Read) -> str | None:
    """The rules file of a tree; None where it has none. Raises ConfigurationError where it has several."""
    there = [path for path in RULES_FILES if read(path) is not None]
    if len(there) > 1:
        message = f"the rules are in two places: {there[0]} and {there[1]}"
        raise ConfigurationError((Problem(there[1], 0, message, "Keep one of them."),))
    return there[0] if there else None


def load_rules(
    read: Read, path: str | None, *, today: date, fetch: Fetch | None = None, limits: Limits = DEFAULT
) -> Rules:
    """The rules at `path`, or those that `find` finds, or the defaults.

    `read` gives the files of the revision that holds the rules; `today` (UTC) bounds waivers; `fetch` gets
    `extends: {url: …}`, which without it is a problem. Raises ConfigurationError with every problem, in file order.
    """
    return _Loading(Files(read, limits), today, fetch).rules(path or find(read))


class _Loading(Struct):
    files: Files
    today: date
    fetch: Fetch | None
    problems: Problems = field(default_factory=Problems)

    def rules(self, path: str | None) -> Rules:
        rules = self._defaults() if path is None else self._from_file(path)
        rules = replace(rules, baseline=read_baseline(self.files, self.problems), files=dict(self.files.hashes))
        if self.problems.found:
            raise ConfigurationError(self.problems.sorted())
        return rules

    def _defaults(self) -> Rules:
        """Known publishers must have signed; about everything else nothing is known."""
        catalog, signers = _catalog(shipped_publishers())
        return Rules(
            source=DEFAULTS,
            images=catalog,
            otherwise=Otherwise.WARN,
            trust=DEFAULT_TRUST,
            catalog=catalog,
            catalog_signers=signers,
        )

    def _from_file(self, path: str) -> Rules:
        content = self.files.plain(path)
        if content is None:
            help_line = "Correct `--config`, or commit the file to the revision that judges."
            self.problems.add(path, 0, "there is no such file", help_line)
            return Rules(source=path)
        sections = tuple(self._sections(path, content, frozenset()))
        if not sections:
            return Rules(source=path)
        return self._assemble(path, sections)

    # ── step 1: files ────────────────────────────────────────────────────────────────────────────────────────────────

    def _sections(self, file: str, content: bytes, above: frozenset[str]) -> Iterator[Section]:
        cell = read_document(content, file, self.problems, self.files.limits)
        if cell is None:
            return
        checker = Checker(file, self.problems)
        fields = checker.record(cell, FILE)
        yield Section(fields, checker, prefix=f"{file}#" if above else "")
        extends = fields.fields("extends")
        further = self._extended(extends, checker) if extends else None
        if extends is None or further is None:
            return
        if further[0] in above | {file} or len(above) + 1 >= self.files.limits.extends_depth:
            message = f"{further[0]} is extended in a circle, or too deeply"
            checker.problem(
                fields.at("extends"), message, f"At most {self.files.limits.extends_depth} files, no circle."
            )
            return
        yield from self._sections(*further, above | {file})

    def _extended(self, extends: Fields, checker: Checker) -> tuple[str, bytes] | None:
        if file := extends.word("file"):
            return self.files.named(file, checker)
        if url := extends.word("url"):
            return self._fetched(url, extends, checker)
        return None

    def _fetched(self, url: Word, extends: Fields, checker: Checker) -> tuple[str, bytes] | None:
        wanted = extends.text("sha256")
        if not wanted:
            if "sha256" not in extends.lines:
                checker.problem(url.line, "`url` has no `sha256`", "Add the hash of the file that you have read.")
            return None
        if self.fetch is None:
            help_line = "Commit the file and name it by `file:`, or run with a connection."
            checker.problem(url.line, f"{url.text} cannot be fetched in this run", help_line)
            return None
        try:
            content = self.fetch(url.text, wanted)
        except OSError as error:
            checker.problem(url.line, f"{url.text} cannot be fetched: {error}", "Try again, or commit the file.")
            return None
        found = hashlib.sha256(content).hexdigest()
        if found != wanted:
            checker.problem(extends.at("sha256"), f"{url.text} has the hash {found}", "Read it, then write its hash.")
            return None
        self.files.hashes[url.text] = found
        return url.text, content

    # ── steps 2 to 4 ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _assemble(self, path: str, sections: tuple[Section, ...]) -> Rules:
        keys = dict(pair for section in sections for pair in read_keys(section, self.files))
        signers = self._signers(sections)
        trusting = next((section for section in sections if "trust" in section.fields.lines), None)
        trust = read_trust(trusting, self.files) if trusting else DEFAULT_TRUST
        check_trust(trusting or sections[0], trust, signers.values())
        levels = dict(pair for section in reversed(sections) for pair in read_levels(section))
        most_days = _first_number(sections, "max-waiver-days", MAX_WAIVER_DAYS)
        images = tuple(image for section in sections for image in read_images(section, signers))
        catalog, catalog_signers = _catalog(shipped_publishers()) if _asks_catalog(images) else ((), {})
        registries = dict(pair for section in reversed(sections) for pair in read_registries(section, self.files))
        rules = Rules(
            source=path,
            signers=signers,
            images=images,
            otherwise=Otherwise(_first(sections, "otherwise", Otherwise.DENY)),
            inspect=Inspect(_first(sections, "inspect", Inspect.NAMED)),
            denied_digests=tuple(denied for section in sections for denied in read_denied_digests(section)),
            denied_signers=tuple(denied for section in sections for denied in read_denied_signers(section)),
            policies=tuple(dict.fromkeys(glob for section in sections for glob in read_policies(section))),
            levels=levels,
            waivers=tuple(w for section in sections for w in read_waivers(section, self.today, most_days)),
            manifests=read_manifests(_having(sections, "manifests"), self.files),
            registries=registries,
            trust=trust,
            second_opinion=any(section.fields.flag("second-opinion") for section in sections),
            keys=keys,
            catalog=catalog,
            catalog_signers=catalog_signers,
            max_waiver_days=most_days,
        )
        return replace(rules, findings=tuple(_findings(sections, levels)))

    def _signers(self, sections: tuple[Section, ...]) -> dict[str, Signer]:
        signers: dict[str, Signer] = {}
        for section in sections:
            table = section.fields.fields("signers")
            for name, forms in table.values.items() if table else ():
                line = table.at(name) if table else 0
                if name in signers:
                    help_line = "Call one of them otherwise: a file cannot replace another's signer."
                    section.checker.problem(line, f"the signer {name!r} is defined in two files", help_line)
                elif not name.strip() or name == CATALOG or name.startswith(f"{CATALOG}:"):
                    section.checker.problem(line, f"{name[:100]!r} cannot be a signer's name", "Call it otherwise.")
                else:
                    patterns = (read_signer(fields, section.checker) for fields in forms)
                    signers[name] = Signer(name, tuple(pattern for pattern in patterns if pattern is not None))
        return signers


def _catalog(publishers: tuple[Publisher, ...]) -> tuple[tuple[ImageRule, ...], dict[str, Signer]]:
    confirmed = [publisher for publisher in publishers if publisher.confirmed]
    return tuple(publisher.rule for publisher in confirmed), {p.signer.name: p.signer for p in confirmed}


def _asks_catalog(images: tuple[ImageRule, ...]) -> bool:
    return any(image.signed_by is not None and image.signed_by.catalog for image in images)


def _having(sections: tuple[Section, ...], key: str) -> Section:
    return next((section for section in sections if key in section.fields.lines), sections[0])


def _first(sections: tuple[Section, ...], key: str, default: str) -> str:
    return _having(sections, key).fields.text(key, default)


def _first_number(sections: tuple[Section, ...], key: str, default: int) -> int:
    number = _having(sections, key).fields.number(key)
    return default if number is None else number


def _findings(sections: tuple[Section, ...], levels: dict[str, Level]) -> Iterator[Finding]:
    for section in sections:
        for found in section.findings:
            level = levels.get(found.rule, found.level)
            if level is not Level.OFF:
                yield dataclasses.replace(found, level=level)
