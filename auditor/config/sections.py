"""`images:`, `deny:`, `waivers:` and `rules:` → values, with what is wrong with them and what is only suspicious."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from msgspec import Struct, field

from auditor.config.breadth import wide_subject
from auditor.config.check import Checker
from auditor.config.levels import DEFAULT_LEVELS, GRADED, NAMED
from auditor.config.names import InvalidPattern, NamePattern, PathPattern, TextPattern
from auditor.config.rules import (
    AttestedBy,
    DeniedDigest,
    DeniedSigner,
    ImageRule,
    KeylessSigner,
    Pinned,
    PlatformMode,
    SignedBy,
    Waiver,
)
from auditor.config.shape import Fields, Word
from auditor.config.signers import read_signer
from auditor.model.finding import Finding, Level
from auditor.model.place import Place
from auditor.model.reference import Digest

PROVENANCE: Final = ("https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1")
"""The predicate types whose source and builder are known."""

_SOURCE: Final = re.compile(
    r"https?://[a-z0-9.-]+(:[0-9]{1,5})?(/(?!\.\.?(/|$))(?![^/]*\.git(/|$))[A-Za-z0-9_.~*-]+)+", re.ASCII
)
CATALOG: Final = "catalog"
"""The word of `signed-by: catalog`; no signer may be called so."""

_Pattern = TypeVar("_Pattern")


class Section(Struct):
    """One file's part of the rules: its fields, where problems go, and what was found suspicious.

    `prefix` stands before the labels of its entries: empty for the rules file itself.
    """

    fields: Fields
    checker: Checker
    prefix: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file's path as named."""
        return self.checker.file

    def pattern(self, make: Callable[[str], _Pattern], word: Word) -> _Pattern | None:
        """A pattern, or None and a problem."""
        try:
            return make(word.text)
        except InvalidPattern as error:
            self.checker.problem(word.line, f"{word.text!r} cannot be used: {error}", "Correct the pattern.")
            return None

    def patterns(self, make: Callable[[str], _Pattern], words: tuple[Word, ...]) -> tuple[_Pattern, ...]:
        """Those patterns that can be used."""
        read = (self.pattern(make, word) for word in words)
        return tuple(pattern for pattern in read if pattern is not None)

    def name(self, word: Word, *, named: bool = True) -> NamePattern | None:
        """A pattern over image names; one that can never match is a finding, unless it may be about something not `named`."""
        pattern = self.pattern(NamePattern.parse, word)
        if named and pattern is not None and (why := pattern.never):
            message = f"{word.text!r} can never match an image's name: {why}"
            self.suspect("pattern-never-matches", word.line, message, "Correct the pattern, or remove it.")
        return pattern

    def names(self, words: tuple[Word, ...]) -> tuple[NamePattern, ...]:
        """Those patterns over image names that can be used."""
        return tuple(pattern for word in words if (pattern := self.name(word)) is not None)

    def suspect(self, rule: str, line: int, message: str, help: str) -> None:  # noqa: A002 - the field's word
        """Note a finding about the rules themselves."""
        self.findings.append(Finding(rule, DEFAULT_LEVELS[rule], message, help, place=Place(self.file, line)))


# ── images ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_images(section: Section, signers: Mapping[str, Any]) -> Iterator[ImageRule]:
    """The entries of `images:` in order."""
    for index, entry in enumerate(section.fields.many("images")):
        yield _image(section, entry, f"{section.prefix}images[{index}]", signers)


def _image(section: Section, entry: Fields, label: str, signers: Mapping[str, Any]) -> ImageRule:
    _check_demand(section, entry)
    match = section.names(entry.words("match"))
    unsigned = "unsigned" in entry
    within = section.patterns(PathPattern.parse, entry.words("in"))
    if unsigned and not within and any(pattern.everything for pattern in match):
        help_line = "Name the registries or repositories, or the folder with `in:`."
        section.suspect("pattern-too-wide", entry.line, "every image may be unsigned by this entry", help_line)
    return ImageRule(
        label=label,
        match=match,
        within=within,
        signed_by=_signed_by(section, entry, signers),
        attested_by=tuple(_attested_by(section, entry, signers)),
        unsigned_allowed=unsigned,
        reason=entry.text("reason"),
        pinned=Pinned(entry.text("pinned", Pinned.PREFER)),
        platforms=PlatformMode(entry.text("platforms", PlatformMode.INDEX)),
        line=entry.line,
        file=section.file,
    )


def _check_demand(section: Section, entry: Fields) -> None:
    """An entry must demand something, or say openly that it demands nothing."""
    demands = [key for key in ("signed-by", "attested-by") if key in entry.lines]
    problem = section.checker.problem
    if "unsigned" in entry.lines and demands:
        problem(entry.at("unsigned"), f"`unsigned: allow` contradicts `{demands[0]}`", "Keep one of the two.")
    if "unsigned" in entry.lines and "reason" not in entry.lines:
        problem(entry.at("unsigned"), "`unsigned: allow` has no `reason`", "Add `reason:`: the next reader will ask.")
    if "unsigned" not in entry.lines and not demands:
        problem(entry.line, "an images entry demands nothing", "Add `signed-by:`, `attested-by:` or `unsigned: allow`.")


def _signed_by(section: Section, entry: Fields, signers: Mapping[str, Any]) -> SignedBy | None:
    written = entry.many("signed-by")
    if not written:
        return None
    groups = [item for item in written if isinstance(item, Fields)]
    if groups and len(written) > 1:
        section.checker.problem(entry.at("signed-by"), "`all` stands beside other signers", "Write `{all: […]}` alone.")
    words = groups[0].words("all") if groups else entry.words("signed-by")
    known = [word for word in words if word.text == CATALOG or _is_known(section, word, signers)]
    catalog = any(word.text == CATALOG for word in known)
    if catalog and groups:
        section.checker.problem(entry.at("signed-by"), "`catalog` cannot be in `all`", "Name the signers.")
    names = tuple(dict.fromkeys(word.text for word in known if word.text != CATALOG))
    return SignedBy(names, every=bool(groups), catalog=catalog)


def _is_known(section: Section, word: Word, signers: Mapping[str, Any]) -> bool:
    if word.text in signers:
        return True
    near = get_close_matches(word.text[:100], signers, n=1)
    help_line = f"Did you mean `{near[0]}`?" if near else "Define it under `signers:`."
    section.checker.problem(word.line, f"there is no signer {word.text[:100]!r}", help_line)
    return False


def _attested_by(section: Section, entry: Fields, signers: Mapping[str, Any]) -> Iterator[AttestedBy]:
    for item in entry.many("attested-by"):
        signer = item.word("signer")
        if signer is not None and _is_known(section, signer, signers):
            source, builder = (_of_provenance(section, item, key) for key in ("source", "builder"))
            yield AttestedBy(item.text("predicate"), signer.text, source, builder)


def _wide(pattern: TextPattern) -> str | None:
    scheme_is_literal = "://" in pattern.text.partition("*")[0]
    return wide_subject(pattern) if scheme_is_literal or "*" not in pattern.text else "scheme and host are not literal"


def _of_provenance(section: Section, item: Fields, key: str) -> TextPattern | None:
    """A pattern over what SLSA provenance says; a problem where the predicate is another or a stranger could satisfy it."""
    word = item.word(key)
    if word is None:
        return None
    if item.text("predicate") not in PROVENANCE:
        section.checker.problem(
            word.line, f"`{key}` is read from SLSA provenance", f"Leave it out, or demand {' or '.join(PROVENANCE)}."
        )
    pattern = section.pattern(TextPattern.glob, word)
    example = (
        "https://github.com/acme/api" if key == "source" else "https://github.com/acme/ci/.github/workflows/a.yaml@*"
    )
    if key == "source" and _SOURCE.fullmatch(word.text) is None:
        help_line = f"Write its address as {example}: no `git+`, no `.git`, no ref."
        section.checker.problem(word.line, f"{word.text!r} is no repository's address", help_line)
    elif pattern is not None and (why := _wide(pattern)):
        help_line = f"Write the scheme, the host and the owner out, as in {example}."
        section.checker.problem(word.line, f"a stranger could satisfy `{key}`: {why}", help_line)
    return pattern


# ── deny ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_denied_digests(section: Section) -> Iterator[DeniedDigest]:
    """The revoked images of `deny:`."""
    for entry in section.fields.many("deny"):
        if digest := entry.text("digest"):
            yield DeniedDigest(Digest.parse(digest), entry.text("reason"))


def read_denied_signers(section: Section) -> Iterator[DeniedSigner]:
    """The revoked identities of `deny:`."""
    for entry in section.fields.many("deny"):
        fields = entry.fields("signer")
        signer = read_signer(fields, section.checker, revoked=True) if fields else None
        if isinstance(signer, KeylessSigner):
            yield DeniedSigner(signer, entry.text("reason"))


# ── waivers and levels ───────────────────────────────────────────────────────────────────────────────────────────────────


def read_waivers(section: Section, today: date, most_days: int) -> Iterator[Waiver]:
    """The exceptions, expired ones included: whoever judges reports those."""
    for entry in section.fields.many("waivers"):
        word, until = entry.word("image"), entry.day("until")
        pattern = section.name(word, named=entry.text("rule") in NAMED) if word else None
        if pattern is None or until is None or word is None:
            continue
        if pattern.everything:
            section.checker.problem(word.line, "a waiver may not match everything", "Name the registry or the image.")
        if until > _latest(today, most_days):
            message = f"the waiver ends more than {most_days} days ahead, on {until}"
            help_line = f"Write {_latest(today, most_days)} or earlier, or raise `max-waiver-days`."
            section.checker.problem(entry.at("until"), message, help_line)
        yield Waiver(
            image=pattern,
            rule=entry.text("rule"),
            until=until,
            owner=entry.text("owner"),
            reason=entry.text("reason"),
            line=entry.line,
            file=section.file,
        )


def _latest(today: date, days: int) -> date:
    return today + timedelta(days=min(days, (date.max - today).days))


def read_levels(section: Section) -> Iterator[tuple[str, Level]]:
    """The levels of `rules:`."""
    table = section.fields.fields("rules")
    for rule, word in table.values.items() if table else ():
        if rule in GRADED:
            yield rule, Level(word.text)
        elif rule in DEFAULT_LEVELS:
            message = f"`{rule}` makes a run incomplete: it has no level"
            section.checker.problem(
                table.at(rule) if table else 0, message, "Waive the images that it is about instead."
            )
        else:
            near = get_close_matches(rule[:100], GRADED, n=1)
            help_line = f"Did you mean `{near[0]}`?" if near else "`auditor explain` lists the rules."
            section.checker.problem(table.at(rule) if table else 0, f"there is no rule {rule[:100]!r}", help_line)
