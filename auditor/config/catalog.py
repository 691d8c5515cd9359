"""The shipped signers (`rules/signers/*.yaml`): well-known publishers, and who signs for them.

Only a confirmed entry judges: one for which a real signature was seen to match. A lint refuses entries that are wide.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from auditor import rulebook
from auditor.config.check import Checker
from auditor.config.document import Problems, read_document
from auditor.config.keys import PUBLISHER
from auditor.config.names import NamePattern
from auditor.config.rules import ImageRule, SignedBy, Signer
from auditor.config.sections import Section
from auditor.config.shape import Fields
from auditor.config.signers import read_signer
from auditor.errors import ConfigurationError

_OWN_HOSTS: Final = frozenset({"registry.k8s.io"})
"""Registries of one publisher: the host alone says whose images these are."""


class Publisher(Struct, frozen=True):
    """One file of the catalogue. `signer` is called `catalog:<publisher>`."""

    name: str
    images: tuple[NamePattern, ...]
    signer: Signer
    confirmed: bool
    source: str
    checked: date
    file: str

    @property
    def rule(self) -> ImageRule:
        """The rule that the publisher's images be signed by its signer."""
        return ImageRule(self.signer.name, self.images, signed_by=SignedBy((self.signer.name,)), line=1, file=self.file)


def load_publishers(paths: Iterable[Path]) -> tuple[Publisher, ...]:
    """Read and lint files of the catalogue. Raises ConfigurationError with every problem."""
    problems = Problems()
    publishers = tuple(publisher for path in paths if (publisher := _publisher(path, problems)))
    names = [publisher.name for publisher in publishers]
    for publisher in publishers:
        if names.count(publisher.name) > 1:
            problems.add(publisher.file, 1, f"two files describe {publisher.name}", "Make them one.")
    if problems.found:
        raise ConfigurationError(problems.sorted())
    return publishers


@lru_cache(maxsize=1)
def shipped_publishers() -> tuple[Publisher, ...]:
    """The catalogue of this version, read once per process."""
    return load_publishers(rulebook.files("signers", ".yaml"))


def _publisher(path: Path, problems: Problems) -> Publisher | None:
    file = f"rules/signers/{path.name}"
    before = len(problems.found)
    cell = read_document(path.read_bytes(), file, problems)
    if cell is None:
        return None
    checker = Checker(file, problems)
    fields = checker.record(cell, PUBLISHER)
    section = Section(fields, checker)
    patterns = (read_signer(item, checker) for item in fields.many("signers"))
    name = f"catalog:{fields.text('publisher')}"
    signer = Signer(name, tuple(pattern for pattern in patterns if pattern is not None))
    images = section.names(fields.words("images"))
    _lint(section, fields, images)
    checked = fields.day("checked")
    if checked is None or len(problems.found) > before:
        return None
    return Publisher(
        fields.text("publisher"), images, signer, fields.flag("confirmed"), fields.text("source"), checked, file
    )


def _lint(section: Section, fields: Fields, images: tuple[NamePattern, ...]) -> None:
    for finding in section.findings:
        section.checker.problem(finding.place.line if finding.place else 0, finding.message, finding.help)
    for pattern in images:
        host, _, path = pattern.text.partition("/")
        owner = path.partition("/")[0]
        if "*" in host or (host not in _OWN_HOSTS and (not owner or "*" in owner)):
            message = f"{pattern.text!r} is wider than one publisher"
            section.checker.problem(fields.at("images"), message, "Write the host and the owner out.")
