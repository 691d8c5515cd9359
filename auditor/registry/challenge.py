"""`WWW-Authenticate`: several challenges in one header, quoted commas, and all (RFC 9110 §11.6.1). Pure.

>>> parse('Bearer realm="https://auth.acme.example/token?a=1,2",service=registry, Basic realm="x"')[0].parameters["realm"]
'https://auth.acme.example/token?a=1,2'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_END: Final = r"(?=[ \t]*(?:,|$))"
_SEPARATOR: Final = re.compile(r"[ \t,]*")
# An unquoted value should be a token; registries that forget the quotes around a URL are read as they mean it.
_PARAMETER: Final = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",=][^\s",]*)){_END}')
_SCHEME: Final = re.compile(rf"({_WORD})(?:[ \t]+|{_END})")
_TOKEN68: Final = re.compile(rf"[A-Za-z0-9._~+/-]+=*{_END}")
_LENGTH: Final = 8192
"""Characters of one header that are looked at: real challenges stay below 500."""


class Challenge(Struct, frozen=True):
    """One challenge: the scheme in lower case, its parameters with lower-case names."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse(header: str) -> tuple[Challenge, ...]:
    """The challenges of one header, in order. What cannot be read ends the reading; what came before counts."""
    text = header[:_LENGTH]
    found: list[tuple[str, dict[str, str]]] = []
    position = _skip(text, 0)
    while position < len(text):
        if found and (parameter := _PARAMETER.match(text, position)):
            found[-1][1].setdefault(parameter[1].lower(), _value(parameter))
            position = parameter.end()
        elif scheme := _SCHEME.match(text, position):
            found.append((scheme[1].lower(), {}))
            position = _after_token68(text, scheme.end())
        else:
            break
        position = _skip(text, position)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def _skip(text: str, position: int) -> int:
    match = _SEPARATOR.match(text, position)
    return match.end() if match else position


def _value(parameter: re.Match[str]) -> str:
    quoted: str | None = parameter[2]
    return re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else parameter[3]


def _after_token68(text: str, position: int) -> int:
    """Past the opaque value of schemes like Negotiate, which have no parameters."""
    if _PARAMETER.match(text, position):
        return position
    match = _TOKEN68.match(text, position)
    return match.end() if match else position
