"""The only door to CEL: expressions of policies over what is known, bounded before they run.

What the library lacks (optional fields, extensions of Kubernetes and Kyverno), and what looks at data that only the engine has,
is Unknown. Functions never raise into the library: they note their doubts where the caller finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any, Final

from msgspec import Struct

from auditor.limits import DEFAULT
from auditor.policies.kyverno.conditions import Unknown

_LONGEST: Final = DEFAULT.expression_characters
_TEXT: Final = re.compile(
    r"""[rR]?\"\"\".*?\"\"\"|[rR]?'''.*?'''|[rR]"[^"\n]*"|[rR]'[^'\n]*'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL,
)
_MACRO: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_CHAIN: Final = re.compile(r"(?<![\w.])([A-Za-z_]\w*)((?:\s*\.\s*\??\s*[A-Za-z_]\w*(?!\w|\s*\())*)")
_IMAGES_OPTIONAL: Final = re.compile(
    r"\bimages\s*\.\s*\?\s*(containers|initContainers|ephemeralContainers)\s*\.\s*orValue\s*\(\s*\[\s*\]\s*\)"
)
_OPTIONAL: Final = re.compile(r"\.\s*\?|\[\s*\?")
_KNOWN_ROOTS: Final = frozenset({"object", "request", "images", "variables", "attestors", "attestations"})
_ENGINE_ONLY: Final = frozenset(
    {"oldObject", "namespaceObject", "authorizer", "resource", "http", "globalContext", "user", "params", "image_data"}
)


@cache
def installed() -> bool:
    """Whether the extra that evaluates CEL is there."""
    try:
        import cel  # noqa: F401, PLC0415 - of the extra `kyverno`, and only these policies need it
    except ImportError:
        return False
    return True


class _Prepared(Struct, frozen=True):
    """One expression before data: the program (or the parser's words), what it looks at, how its cost grows."""

    program: Any
    problem: str
    trails: tuple[tuple[str, tuple[str, ...]], ...]
    macros: int
    literal: int
    optional: bool
    variables: tuple[str, ...] = ()
    functions: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def _prepared(text: str) -> _Prepared:
    import cel  # noqa: PLC0415 - as above

    text = _IMAGES_OPTIONAL.sub(r"images.\1", text)  # these three lists are always there
    bare = _TEXT.sub("''", text)
    trails = tuple((each[1], tuple(step.strip() for step in each[2].split(".")[1:])) for each in _CHAIN.finditer(bare))
    facts = (trails, len(_MACRO.findall(bare)), bare.count(",") + 1, _OPTIONAL.search(bare) is not None)
    try:
        program = cel.compile(text)
    except (ValueError, RuntimeError) as error:
        return _Prepared(None, str(error), *facts)
    return _Prepared(program, "", *facts, tuple(program.variables()), frozenset(program.functions()))


def problem_with(text: str) -> str | None:
    """Why the text is no CEL; None where it is, or where nobody here can tell."""
    if len(text) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    if not text.strip():
        return "empty"
    if not installed():
        return None
    prepared = _prepared(text)
    return None if prepared.optional else " ".join(prepared.problem.split())[:200] or None


def is_constant(text: str, *, but: type) -> bool:
    """Whether the text looks at nothing, and its value is of another type than this one."""
    try:
        return not isinstance(evaluate(text, {}, {}), but)
    except Unknown:
        return False


def evaluate(text: str, known: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of an expression. Raises Unknown, never anything else."""
    if not installed():
        raise Unknown("the extra `kyverno` is not installed")
    if len(text) > _LONGEST:
        raise Unknown(f"longer than {_LONGEST} characters")
    prepared = _prepared(text)
    _check_known(prepared, known)
    _check_cost(prepared, known)
    import cel  # noqa: PLC0415 - as above

    context = cel.Context()
    for name in prepared.variables:
        if name in known:
            context.add_variable(name, known[name])
    for name in prepared.functions & functions.keys():
        context.add_function(name, functions[name])
    try:
        value = prepared.program.execute(context)
    except Exception as error:  # noqa: BLE001 - the library raises whatever Python kind fits; all of them mean "no value"
        raise Unknown(f"it has no value here: {str(error)[:200]}") from None
    if isinstance(value, str | list | dict) and len(value) > DEFAULT.expression_value:
        raise Unknown("it grows too large")
    return value


def _check_cost(prepared: _Prepared, known: Mapping[str, Any]) -> None:
    """Raises Unknown for an expression that may run long: element counts to the power of its macros."""
    if prepared.macros:
        longest = max(prepared.literal, *(_length(known[each]) for each in prepared.variables if each in known), 2)
        if longest**prepared.macros > DEFAULT.expression_steps:
            raise Unknown("it may run too long")


def _length(value: Any) -> int:
    if isinstance(value, dict):
        return max(len(value), *(_length(each) for each in value.values()), 0)
    if isinstance(value, list):
        return max(len(value), *(_length(each) for each in value), 0)
    return 0


def _check_known(prepared: _Prepared, known: Mapping[str, Any]) -> None:
    """Raises Unknown for an expression that looks at data that only the engine has."""
    if prepared.optional:
        raise Unknown("optional fields (`.?`) are not evaluated here")
    if prepared.problem:
        raise Unknown(f"not CEL that is read here: {prepared.problem[:200]}")
    for name, trail in prepared.trails:
        if name in _ENGINE_ONLY:
            raise Unknown(f"{name} is known to the engine alone")
        if name in _KNOWN_ROOTS:
            _check_trail(name, trail, known)


def _check_trail(name: str, trail: tuple[str, ...], known: Mapping[str, Any]) -> None:
    here: Any = known.get(name)
    path = name
    for step in trail:
        if not isinstance(here, dict) or step not in here:
            if name == "object" and path == "object.metadata.labels":
                return  # a label that is not written does not exist
            raise Unknown(f"{path}.{step} is not known here")
        here, path = here[step], f"{path}.{step}"
    if name in {"object", "request"} and isinstance(here, dict) and path != "object.metadata.labels":
        raise Unknown(f"{path} is not known here in full")
