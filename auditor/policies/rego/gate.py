"""Rego over the result of a run: `package auditor` with `deny` and `warn`, as `opa eval` and `conftest` would judge it.

`input` is the JSON of a run, version 1. `deny` and `warn` are sets of texts, or of objects with `msg` and, where they are about
one, `image`, `file`, `line`. All modules of the package are one policy, as for `opa eval --data`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from auditor.limits import DEFAULT
from auditor.model.place import Place
from auditor.policies.rego.evaluate import Json, Rego, Unevaluated
from auditor.policies.rego.scan import COMMENT_OR_TEXT

PACKAGE: Final = re.compile(r"^\s*package\s+auditor\s*(?:#.*)?$", re.MULTILINE)
_RULE: Final = re.compile(r"^\s*(?:deny|warn)\b", re.MULTILINE)
_V0_BODY: Final = re.compile(
    r"^[A-Za-z_](?:[\w.]*(?:\([^)]*\)|\[[^\]]*\])?\s*|\w*\s+contains\s+(?!\{)(?:(?!\bif\b)[^{\n(\[])*)\{", re.MULTILINE
)


class Word(Struct, frozen=True):
    """One thing that the policy says. `place` is what the policy points at, None where it points nowhere."""

    denies: bool
    message: str
    image: str | None = None
    place: Place | None = None


class Said(Struct, frozen=True):
    """Everything the policy says, or why it could not be evaluated. `policy` is `rego/<file>`, `file` the one to look at."""

    policy: str
    file: str
    words: tuple[Word, ...] = ()
    unevaluated: str | None = None


def ask_gate(modules: Mapping[str, bytes], document: Mapping[str, Any], rego: Rego) -> Said | None:
    """What the modules of `package auditor` among these files (path to content) say of a run; None where there is none."""
    texts = {path: content.decode("utf-8", "replace") for path, content in sorted(modules.items())}
    own = {path: text for path, text in texts.items() if PACKAGE.search(text)}
    if not own:
        return None
    file = next((path for path, text in own.items() if _RULE.search(text)), next(iter(own)))
    for path, text in texts.items():
        if _V0_BODY.search(COMMENT_OR_TEXT.sub('""', text)):
            return Said(f"rego/{file}", file, unevaluated=f"{path}: Rego v1 needs `if` before the body of a rule")
    words: list[Word] = []
    for rule in ("deny", "warn"):
        answer = rego.query(list(texts.items()), document, f"data.auditor.{rule}")
        if isinstance(answer, Unevaluated):
            return Said(f"rego/{file}", file, unevaluated=answer.why)
        if not answer.defined:
            continue
        if not isinstance(answer.json, list):
            why = f"{rule} is no set: in Rego v1 it is written `{rule} contains msg if {{ … }}`"
            return Said(f"rego/{file}", file, unevaluated=why)
        words.extend(_words(answer.json, denies=rule == "deny"))
    return Said(f"rego/{file}", file, tuple(words))


def unreadable(modules: Mapping[str, bytes], rego: Rego) -> tuple[str, str] | None:
    """The file and the reason, where modules that hold a gate do not compile; None where they do, or hold none."""
    texts = {path: content.decode("utf-8", "replace") for path, content in sorted(modules.items())}
    own = [path for path, text in texts.items() if PACKAGE.search(text)]
    if not own:
        return None
    old = next((path for path, text in texts.items() if _V0_BODY.search(COMMENT_OR_TEXT.sub('""', text))), None)
    if old is not None:
        return old, "Rego v1 needs `if` before the body of a rule"
    answer = rego.query(list(texts.items()), {}, "1 == 1")
    if isinstance(answer, Unevaluated):
        named = next((path for path in texts if answer.why.startswith(f"{path}: ")), own[0])
        return named, answer.why
    return None


def _words(said: list[Json], *, denies: bool) -> Iterator[Word]:
    for item in said:
        if isinstance(item, dict):
            message = item.get("msg")
            yield Word(denies, _text(message if isinstance(message, str) else str(item)), _image(item), _place(item))
        else:
            yield Word(denies, _text(item if isinstance(item, str) else str(item)))


def _text(text: str) -> str:
    return text[: DEFAULT.text]


def _image(item: Mapping[str, Json]) -> str | None:
    image = item.get("image")
    return _text(image) if isinstance(image, str) else None


def _place(item: Mapping[str, Json]) -> Place | None:
    file, line = item.get("file"), item.get("line")
    if not isinstance(file, str):
        return None
    return Place(_text(file), line if isinstance(line, int) and line > 0 else 0)
