"""Values ↔ JSON: how the work of an audit travels between machines, and is kept where a run may be killed.

Members of a closed union carry the name of their class (`"_": "Signed"`), so that what reads back is what was written and never
a look-alike. Nothing that is read can run: unlike a pickle, a document only makes values of the types that are asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from cattrs import ClassValidationError
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from auditor.errors import AuditorError
from auditor.model.evidence import Fault, Platform, Resolution, Signature, Step
from auditor.registry.material import Material

_T = TypeVar("_T")
_TAG: Final = "_"
_CONVERTER: Final = make_converter(forbid_extra_keys=True)


class Garbled(AuditorError):  # noqa: N818 - named for the thing, as in auditor.model.reference
    """What was kept or sent is not what this version writes."""


def write(value: object, as_type: Any = None) -> bytes:
    """A value as JSON. `as_type` where its class alone does not tell (a tuple of a union)."""
    plain = _CONVERTER.unstructure(value, as_type)
    return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode("ascii")


def read(content: bytes, as_type: type[_T] | Any) -> _T:
    """The value that `write` wrote. Raises Garbled."""
    try:
        value: _T = _CONVERTER.structure(json.loads(content), as_type)
    except (ClassValidationError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Garbled(
            f"what was kept of {getattr(as_type, '__name__', as_type)} cannot be read: {type(error).__name__}",
            help="it was written by another version, or is damaged: start anew",
        ) from error
    return value


def tag(union: Any) -> None:
    """Let the members of a union carry the name of their class."""
    configure_tagged_union(union, _CONVERTER, tag_name=_TAG)


def _frozen(plain: Any, _type: Any) -> Mapping[str, str]:
    if not isinstance(plain, dict) or not all(isinstance(each, str) for pair in plain.items() for each in pair):
        raise TypeError("no mapping of texts")
    return MappingProxyType(plain)


_PLATFORMS: Final = tuple[Platform, ...] | Fault | None
"""Of `Evidence.platforms`: a list, an object, or nothing, which JSON itself tells apart."""


def _platforms(plain: Any, _type: Any) -> Any:
    if plain is None:
        return None
    return _CONVERTER.structure(plain, tuple[Platform, ...] if isinstance(plain, list) else Fault)


def _bytes(plain: Any, _type: Any) -> bytes:
    if not isinstance(plain, str):
        raise TypeError("no text")
    return base64.b64decode(plain, validate=True)


_CONVERTER.register_structure_hook(bytes, _bytes)
_CONVERTER.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode("ascii"))
_CONVERTER.register_structure_hook_func(lambda each: each == Mapping[str, str], _frozen)
_CONVERTER.register_unstructure_hook_func(lambda each: each == Mapping[str, str], dict)
_CONVERTER.register_unstructure_hook(Step, int)
for _union in (Resolution, Signature, Material):
    tag(_union)
_CONVERTER.register_structure_hook_func(lambda each: each == _PLATFORMS, _platforms)
_CONVERTER.register_unstructure_hook_func(
    lambda each: each == _PLATFORMS,
    lambda value: _CONVERTER.unstructure(value, tuple[Platform, ...] if isinstance(value, tuple) else None),
)
