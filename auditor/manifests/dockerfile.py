"""A Dockerfile → the images that it builds from.

Source: docs.docker.com/reference/dockerfile: `FROM [--platform=…] IMAGE [AS NAME]`, `ARG` before the first `FROM` for use in
`FROM`, `COPY --from=IMAGE`, `RUN --mount=…,from=IMAGE`, `# syntax=IMAGE`, `# escape=`, here-documents, continued lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from auditor.manifests.graph.envsubst import expand

_DIRECTIVE: Final = re.compile(r"#\s*(syntax|escape|check)\s*=\s*(\S+)\s*$", re.IGNORECASE)
_INSTRUCTION: Final = re.compile(r"\s*(?P<name>[A-Za-z]+)\s+(?P<rest>.*)", re.DOTALL)
_FLAG: Final = re.compile(r"--[\w.-]+(?:=\S*)?\s+")
_FROM_FLAG: Final = re.compile(r"--(?:from=|mount=(?:\S*,)?from=)(?P<image>[^\s,]+)")
_WORD: Final = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'\\])+""", re.DOTALL)
_HERE: Final = re.compile(r"[0-9]*<<(?P<chomp>-?)(?P<quote>[\"']?)(?P<word>[^\s<\"'\\$]+)(?P=quote)")
"""A whole word, as BuildKit reads it: inside of quotes nothing begins."""
_BARE: Final = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
_SCRATCH: Final = "scratch"
_MOST: Final = 100_000
"""Lines: more than any program writes."""


class Base(Struct, frozen=True):
    """An image that a build starts from or copies out of: line and column from 0, of the word that names it."""

    reference: str
    line: int
    column: int


def bases(text: str) -> Iterator[Base]:
    """The images in order. What a build argument without a default decides stays `${NAME}`."""
    run = _Run()
    for line, instruction in _instructions(text):
        yield from run.read(line, instruction)


class _Run(Struct):
    arguments: dict[str, str] = field(default_factory=dict)
    stages: set[str] = field(default_factory=set)
    count: int = 0

    def read(self, line: int, text: str) -> Iterator[Base]:
        directive = _DIRECTIVE.match(text)
        if directive is not None:
            if directive[1].lower() == "syntax":
                yield Base(directive[2], line, directive.start(2))
            return
        match = _INSTRUCTION.match(text)
        name = match["name"].upper() if match else ""
        if match is None:
            return
        if name == "ARG" and not self.count:
            self._argument(match["rest"])
        elif name == "FROM":
            yield from self._from(line, text, match)
        elif name in ("COPY", "ADD", "RUN"):
            for flag in _FROM_FLAG.finditer(text):
                if not self._is_stage(flag["image"]):
                    yield self._base(line, text, flag["image"], flag.start("image"))

    def _argument(self, rest: str) -> None:
        for word in rest.split():
            key, equals, value = word.partition("=")
            if equals:
                self.arguments[key] = self._filled(value.strip("\"'"))

    def _from(self, line: int, text: str, match: re.Match[str]) -> Iterator[Base]:
        position = match.start("rest")
        while (flag := _FLAG.match(text, position)) is not None:
            position = flag.end()
        words = text[position:].split()
        self.count += 1
        if not words:
            return
        base = self._base(line, text, words[0], text.find(words[0], position))
        if base.reference != _SCRATCH and base.reference.lower() not in self.stages:
            yield base
        if len(words) > 2 and words[1].upper() == "AS":
            self.stages.add(words[2].lower())

    def _is_stage(self, name: str) -> bool:
        return name.isdigit() or name.lower() in self.stages

    def _base(self, line: int, text: str, word: str, start: int) -> Base:
        above = text[:start].count("\n")
        return Base(self._filled(word.strip("\"'")), line + above, start - (text.rfind("\n", 0, start) + 1))

    def _filled(self, text: str) -> str:
        return expand(_BARE.sub(r"${\1}", text), self.arguments.get).text


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Each instruction with its first line (from 0): continued lines joined, comments and here-documents left out."""
    escape = _escape(text)
    held: list[str] = []
    waiting: list[tuple[bool, str]] = []
    start = 0
    first = True
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n")[:_MOST]):
        if waiting:
            chomp, word = waiting[0]
            if (line.lstrip("\t") if chomp else line) == word:
                waiting.pop(0)
            continue
        if line.lstrip().startswith("#"):
            if first and not held and _DIRECTIVE.match(line):
                yield number, line
            held += [""] if held else []
            continue
        first = first and not line.strip()
        if not held:
            start = number
        held.append(line)
        if line.rstrip().endswith(escape) or (not line.strip() and len(held) > 1):
            held[-1] = line.rstrip().removesuffix(escape)
            continue
        whole = "\n".join(held)
        held = []
        waiting = list(_here(whole))
        if whole.strip():
            yield start, whole
    if "".join(held).strip():
        yield start, "\n".join(held)


_HOLDS: Final = ("RUN", "COPY", "ADD")
"""Instructions that take here-documents."""


def _here(instruction: str) -> Iterator[tuple[bool, str]]:
    """The here-documents that an instruction opens: whether tabs before the last line count for nothing, and that line.

    None where a quote has no end: BuildKit finds no words then.
    """
    match = _INSTRUCTION.match(instruction)
    if match is not None and match["name"].upper() in _HOLDS and not re.search("[\"']", _WORD.sub("", match["rest"])):
        for word in _WORD.findall(match["rest"]):
            if here := _HERE.fullmatch(word):
                yield bool(here["chomp"]), here["word"]


def _escape(text: str) -> str:
    for line in text.split("\n", 8)[:8]:
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            break
        if match[1].lower() == "escape" and match[2] in ("`", "\\"):
            return match[2]
    return "\\"
