"""The only door to CEL: expressions of policies over what is known, bounded before they run.

What the library lacks (optional fields, extensions of Kubernetes and Kyverno), and what looks at data that only the engine has,
is Unknown. Functions never raise into the library: they note their doubts where the caller finds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from auditor.policies.kyverno.conditions import Unknown

_LONGEST: Final = 4096
_MOST_STEPS: Final = 200_000
"""Elements that nested macros may visit: a pod has a handful of images; Kubernetes refuses dearer expressions as well."""
_LARGEST: Final = 10_000
"""Characters or elements of one value that a variable may grow to."""
_TEXT: Final = re.compile(
    r"""[rR]?\"\"\".*?\"\"\"|[rR]?'''.*?'''|[rR]"[^"\n]*"|[rR]'[^'\n]*'|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL,
)
_MACRO: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_CHAIN: Final = re.compile(r"(?<![\w.])([A-Za-z_]\w*)((?:\s*\.\s*\??\s*[A-Za-z_]\w*(?!\w|\s*\())*)")
_IMAGES_OPTIONAL: Final = re.compile(
    r"\bimages\s*\.\s*\?\s*(containers|initContainers|ephemeralContainers)\s*\.\s*orValue\s*\(\s*\[\s*\]\s*\)"
)
_ENGINE_ONLY: Final = frozenset(
    {"oldObject", "namespaceObject", "authorizer", "resource", "http", "globalContext", "user", "params", "image_data"}
)


def installed() -> bool:
    """Whether the extra that evaluates CEL is there."""
    try:
        import cel  # noqa: F401, PLC0415 - of the extra `kyverno`, and only these policies need it
    except ImportError:
        return False
    return True


@lru_cache(maxsize=2048)
def _compiled(text: str) -> Any:
    """The program, or the parser's words where the text is no CEL that the library reads."""
    import cel  # noqa: PLC0415 - as above

    try:
        return cel.compile(text)
    except (ValueError, RuntimeError) as error:
        return str(error)


def problem_with(text: str) -> str | None:
    """Why the text is no CEL; None where it is, or where nobody here can tell."""
    if len(text) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    if not text.strip():
        return "empty"
    plain = _IMAGES_OPTIONAL.sub(r"images.\1", text)
    if not installed() or _optional(plain):
        return None
    compiled = _compiled(plain)
    return " ".join(compiled.split())[:200] if isinstance(compiled, str) else None


def evaluate(text: str, known: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]]) -> Any:
    """The value of an expression. Raises Unknown, never anything else."""
    text = _IMAGES_OPTIONAL.sub(r"images.\1", text)
    if not installed():
        raise Unknown("the extra `kyverno` is not installed")
    check_known(text, known)
    check_cost(text, known)
    import cel  # noqa: PLC0415 - as above

    program = _compiled(text)
    if isinstance(program, str):
        raise Unknown(f"not CEL that is read here: {program[:200]}")
    context = cel.Context()
    for name, value in known.items():
        context.add_variable(name, value)
    for name, function in functions.items():
        context.add_function(name, function)
    try:
        value = program.execute(context)
    except Exception as error:  # noqa: BLE001 - the library raises whatever Python kind fits; all of them mean "no value"
        raise Unknown(f"it has no value here: {str(error)[:200]}") from None
    if isinstance(value, str | list | dict) and len(value) > _LARGEST:
        raise Unknown("it grows too large")
    return value


def check_cost(text: str, known: Mapping[str, Any]) -> None:
    """Raises Unknown for an expression that may run long: element counts to the power of its macros."""
    if len(text) > _LONGEST:
        raise Unknown(f"longer than {_LONGEST} characters")
    bare = _TEXT.sub("''", text)
    longest = max(bare.count(",") + 1, *(_length(value) for value in known.values()), 2)
    if longest ** len(_MACRO.findall(bare)) > _MOST_STEPS:
        raise Unknown("it may run too long")


def _length(value: Any) -> int:
    if isinstance(value, Mapping):
        return max(len(value), *(_length(each) for each in value.values()), 0)
    if isinstance(value, list):
        return max(len(value), *(_length(each) for each in value), 0)
    return 0


def check_known(text: str, known: Mapping[str, Any]) -> None:
    """Raises Unknown for an expression that looks at data that only the engine has."""
    if _optional(text):
        raise Unknown("optional fields (`.?`) are not evaluated here")
    bare = _TEXT.sub("''", text)
    for found in _CHAIN.finditer(bare):
        name, trail = found[1], [step.strip() for step in found[2].split(".")[1:]]
        if name in _ENGINE_ONLY:
            raise Unknown(f"{name} is known to the engine alone")
        if name in {"object", "request", "images", "variables", "attestors", "attestations"}:
            _check_trail(name, trail, known)


def _check_trail(name: str, trail: list[str], known: Mapping[str, Any]) -> None:
    here: Any = known.get(name)
    path = name
    for step in trail:
        if not isinstance(here, Mapping) or step not in here:
            if name == "object" and path == "object.metadata.labels":
                return  # a label that is not written does not exist
            raise Unknown(f"{path}.{step} is not known here")
        here, path = here[step], f"{path}.{step}"
    if name in {"object", "request"} and isinstance(here, Mapping) and path != "object.metadata.labels":
        raise Unknown(f"{path} is not known here in full")


def _optional(text: str) -> bool:
    return re.search(r"\.\s*\?|\[\s*\?", _TEXT.sub("''", text)) is not None
