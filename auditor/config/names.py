"""Patterns over names, paths and identities. Anchored at both ends, always.

One dialect everywhere: `*` stays inside one path segment, `**` crosses segments, every other character is literal.

>>> NamePattern.parse("ghcr.io/acme/**").matches("ghcr.io/acme/team/api")
True
>>> NamePattern.parse("ghcr.io/acme/*").matches("ghcr.io/acme/team/api")
False

Everything is matched by RE2: time is linear in the value, memory is bounded, and no look-around or back-reference exists.
`$` and `(?m)` cannot end a match early: the engine itself anchors at the two ends of the text, not of a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import re2

from auditor.limits import DEFAULT
from auditor.model.reference import InvalidReference, Reference

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NAME_CHARACTERS: Final = re.compile(r"[a-z0-9._/*-]*", re.ASCII)
_HOST_CHARACTERS: Final = re.compile(r"[A-Za-z0-9.:*\[\]-]+", re.ASCII)


class InvalidPattern(ValueError):  # noqa: N818 - named for the thing, as InvalidReference is
    """A pattern that cannot be used; the message says why."""


def _options() -> Any:
    options = re2.Options()
    options.max_mem = DEFAULT.pattern_bytes
    options.log_errors = False
    return options


def _check_text(text: str) -> None:
    if not text:
        raise InvalidPattern("empty")
    _check_bounds(text)


def _check_bounds(text: str) -> None:
    if len(text) > DEFAULT.text:
        raise InvalidPattern(f"longer than {DEFAULT.text} characters")
    if _CONTROL.search(text):
        raise InvalidPattern("holds a control character")


def compile_regex(text: str) -> Any:
    """An RE2 program. Raises InvalidPattern for bad syntax, and for a program that is larger than its bound."""
    _check_bounds(text)
    return _compile(text)


def _compile(text: str) -> Any:
    try:
        return re2.compile(text, _options())
    except re2.error as error:
        raise InvalidPattern(f"not a regular expression that RE2 accepts: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    word = error.args[0] if error.args else error
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def _translate(glob: str) -> str:
    """The glob as a regular expression."""
    parts = re.split(r"(\*\*|\*)", glob)
    return "".join({"**": "(?s:.*)", "*": "[^/]*"}.get(part, re2.escape(part)) for part in parts)


def _compile_glob(glob: str) -> Any:
    _check_text(glob)
    return _compile(_translate(glob))


def _is_clean(value: str) -> bool:
    """No control characters and no lone surrogates: what holds one is no name, path or identity."""
    return _CONTROL.search(value) is None


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A pattern over normalised image names (`docker.io/library/nginx`), host and port included; two are equal by text."""

    text: str
    _program: Any = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> NamePattern:
        """Read a glob. Raises InvalidPattern for an empty one and for control characters."""
        return cls(text, _compile_glob(text))

    def matches(self, name: str) -> bool:
        """Whether the whole of a normalised name matches."""
        return _is_clean(name) and self._program.fullmatch(name) is not None

    @property
    def everything(self) -> bool:
        """Whether the pattern says nothing: it has no literal letter or digit."""
        return not any(character.isalnum() for character in self.text)

    @property
    def never(self) -> str | None:
        """Why no normalised name can match, with what to write instead; None where one may."""
        return _why_never(self.text)


def _why_never(text: str) -> str | None:
    if "@" in text:
        return "names are matched without their digest: leave out '@…'"
    if "**" in text.partition("/")[0]:
        return None if _is_name_like(text) else "holds a character that no image name has"
    if "/" not in text:
        return f"names have a host: write docker.io/library/{text.partition(':')[0]}"
    host, path = text.split("/", 1)
    return _host_never(host, path) or _path_never(path) or _hub_never(host, path)


def _is_name_like(text: str) -> bool:
    return all(_NAME_CHARACTERS.fullmatch(part) or _HOST_CHARACTERS.fullmatch(part) for part in text.split("/"))


def _host_never(host: str, path: str) -> str | None:
    if not _HOST_CHARACTERS.fullmatch(host):
        return f"{host!r} is no registry host"
    if host == "index.docker.io":
        return f"Docker Hub's normalised host is docker.io: write docker.io/{path}"
    if "*" in host or host == "localhost" or host != host.lower() or any(mark in host for mark in ".:["):
        return None
    return f"{host!r} is no registry host: write docker.io/{host}/{path}"


def _path_never(path: str) -> str | None:
    if ":" in path:
        return "names are matched without their tag: leave out ':…'"
    if path != path.lower():
        return "repositories are lower case"
    if not _NAME_CHARACTERS.fullmatch(path):
        return "holds a character that no repository has"
    if any(not segment for segment in path.split("/")):
        return "has an empty segment"
    return _segment_never(path)


def _segment_never(path: str) -> str | None:
    for segment in path.split("/"):
        if "*" in segment:
            continue
        try:
            Reference.parse(f"docker.io/library/{segment}")
        except InvalidReference:
            return f"{segment!r} is no part of a repository"
    return None


def _hub_never(host: str, path: str) -> str | None:
    if host == "docker.io" and "/" not in path and "**" not in path:
        return f"on Docker Hub a name has an owner: write docker.io/library/{path}"
    return None


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A pattern over paths relative to the tree. `a/**` matches everything below `a`, and `a` itself (as a root)."""

    text: str
    _program: Any = field(compare=False, repr=False)
    _itself: Any = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> PathPattern:
        """Read a glob. A leading `./` and a trailing `/` say nothing. Raises InvalidPattern, also for paths that leave the tree."""
        glob = clean_path(text)
        itself = glob.removesuffix("/**")
        return cls(glob, _compile_glob(glob), _compile_glob(itself) if itself != glob else None)

    def matches(self, path: str) -> bool:
        """Whether the whole path of a file or root matches.

        A strange file name (control characters, bytes that are no UTF-8) is matched like any other: it must not fall
        through to the next, laxer rule.
        """
        path = path.encode("utf-8", "replace").decode()
        if self._program.fullmatch(path) is not None:
            return True
        return self._itself is not None and self._itself.fullmatch(path) is not None


def clean_path(text: str) -> str:
    """A path or path pattern relative to the tree, in one spelling. Raises InvalidPattern where it leaves the tree."""
    if not text or _CONTROL.search(text) or "\\" in text:
        raise InvalidPattern("not a path: empty, or with a backslash or control character")
    if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        raise InvalidPattern("paths are relative to the top of the tree")
    segments = [segment for segment in text.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise InvalidPattern("paths stay inside the tree: no '..'")
    return "/".join(segments) or "."


class TextKind(StrEnum):
    """How an identity's text is compared."""

    EXACT = "exact"
    GLOB = "glob"
    REGEX = "regex"


@dataclass(frozen=True, slots=True)
class TextPattern:
    """An exact text, a glob, or an anchored RE2 expression over issuers, subjects and claims.

    A value with a control character or a lone surrogate matches nothing. Two patterns are equal by kind and text.
    """

    kind: TextKind
    text: str
    _program: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def exact(cls, text: str) -> TextPattern:
        """Equal to this text, character for character. Raises InvalidPattern where it is no text to compare with."""
        _check_text(text)
        return cls(TextKind.EXACT, text)

    @classmethod
    def glob(cls, text: str) -> TextPattern:
        """The dialect of this module; exact without `*`."""
        return cls(TextKind.GLOB, text, _compile_glob(text)) if "*" in text else cls.exact(text)

    @classmethod
    def regex(cls, text: str) -> TextPattern:
        """An RE2 expression, anchored at both ends. Raises InvalidPattern where RE2 refuses it."""
        _check_text(text)
        return cls(TextKind.REGEX, text, compile_regex(text))

    def matches(self, value: str) -> bool:
        """Whether the whole of `value` matches."""
        if not _is_clean(value):
            return False
        if self.kind is TextKind.EXACT:
            return value == self.text
        return self._program.fullmatch(value) is not None

    @property
    def explain(self) -> str:
        """For messages: the text, marked where it is a regular expression."""
        return f"/{self.text}/" if self.kind is TextKind.REGEX else self.text

    def __str__(self) -> str:
        return self.explain
