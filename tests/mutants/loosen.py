"""Every way to loosen one check of a module, each as the changed source tree of that module.

What is loosened: a refusal is left out; one operand of a condition that refuses is dropped, or its bound moved by one; a predicate
says yes, or asks one thing less; a check is not made; a field that nobody knows is let through.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from typing import Final, TypeAlias

from msgspec import Struct

_REFUSALS: Final = frozenset({"refuse"})
_REFUSING_ERRORS: Final = frozenset({"Refusal", "Malformed", "UnsupportedKind", "ConfigurationError"})
_CHECKS: Final = ("check_", "_check", "_same", "_sha256", "only_known", "_pem_in_base64", "_verifier", "_signature_2")
_KNOWN_FIELDS: Final = frozenset({"object_of", "optional_object"})
_LONGEST: Final = 110
_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Mutant(Struct, frozen=True):
    """A module with one check loosened: `where` is the function, `what` says what became of which source text."""

    module: str
    where: str
    what: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The same for the same change, wherever in the file it stands."""
        return f"{self.module}.{self.where}: {self.what}"


class _Change(Struct, frozen=True):
    """Replace the node at this path by another one."""

    path: tuple[str | int, ...]
    new: ast.AST
    what: str


def mutants(module: str, source: str) -> list[Mutant]:
    """Each loosened copy of a module's source. Two changes that read the same are told apart by their number."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    seen: dict[str, int] = {}
    for function, path in _functions(tree, ()):
        qualified = _qualified(tree, path)
        for change in _changes(function, path):
            key = f"{qualified}: {change.what}"
            number = seen[key] = seen.get(key, 0) + 1
            what = change.what if number == 1 else f"{change.what} ({number})"
            found.append(Mutant(module, qualified, what, _applied(tree, change)))
    return found


def _functions(node: ast.AST, path: tuple[str | int, ...]) -> Iterator[tuple[_Function, tuple[str | int, ...]]]:
    """Functions and methods that are not inside other functions, with their way from the top."""
    for number, child in enumerate(getattr(node, "body", ())):
        here = (*path, "body", number)
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child, here
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, here)


def _qualified(tree: ast.AST, path: tuple[str | int, ...]) -> str:
    names, node = [], tree
    for step in path:
        node = node[step] if isinstance(step, int) else getattr(node, step)  # type: ignore[index]
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.append(node.name)
    return ".".join(names)


def _applied(tree: ast.Module, change: _Change) -> ast.Module:
    copy = deepcopy(tree)
    *way, last = change.path
    node: object = copy
    for step in way:
        node = node[step] if isinstance(step, int) else getattr(node, step)  # type: ignore[index]
    if isinstance(last, int):
        node[last] = change.new  # type: ignore[index]
    else:
        setattr(node, last, change.new)
    return ast.fix_missing_locations(copy)


def _changes(function: _Function, path: tuple[str | int, ...]) -> Iterator[_Change]:
    says_yes_or_no = isinstance(function.returns, ast.Name) and function.returns.id == "bool"
    for node, here in _walk(function, path):
        if isinstance(node, ast.stmt) and (_is_refusal(node) or _is_check(node)):
            yield _Change(here, ast.Pass(), f"`{_text(node)}` left out")
        elif isinstance(node, ast.If) and any(_is_refusal(each) for each in node.body):
            yield from _narrower(node.test, (*here, "test"))
        elif isinstance(node, ast.Return) and says_yes_or_no and node.value is not None:
            yield from _yes(node.value, (*here, "value"))
        elif isinstance(node, ast.Call) and _called(node) in _KNOWN_FIELDS and len(node.args) == 3:
            less = ast.Call(node.func, node.args[:2], node.keywords)
            yield _Change(here, less, f"any field in `{_text(node)}`")


def _walk(node: ast.AST, path: tuple[str | int, ...]) -> Iterator[tuple[ast.AST, tuple[str | int, ...]]]:
    yield node, path
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield from _walk(value, (*path, name))
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from _walk(each, (*path, name, number))


def _is_refusal(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _called(node.value) in _REFUSALS
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _called(node.exc) in _REFUSING_ERRORS


def _is_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _called(node.value).startswith(_CHECKS)


def _called(call: ast.Call) -> str:
    function = call.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _narrower(test: ast.expr, path: tuple[str | int, ...]) -> Iterator[_Change]:
    """Conditions that refuse less."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        yield from _without_each(test, path)
        for number, operand in enumerate(test.values):
            yield from _narrower(operand, (*path, "values", number))
    yield from _moved(test, path, {ast.GtE: ast.Gt, ast.LtE: ast.Lt})
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from _wider(test.operand, (*path, "operand"))


def _wider(test: ast.expr, path: tuple[str | int, ...]) -> Iterator[_Change]:
    """Conditions that accept more."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        yield from _without_each(test, path)
        for number, operand in enumerate(test.values):
            yield from _wider(operand, (*path, "values", number))
    yield from _moved(test, path, {ast.Gt: ast.GtE, ast.Lt: ast.LtE})


def _yes(value: ast.expr, path: tuple[str | int, ...]) -> Iterator[_Change]:
    if not (isinstance(value, ast.Constant) and value.value is True):
        yield _Change(path, ast.Constant(value=True), f"`return {_text(value)}` says yes")
    yield from _wider(value, path)


def _without_each(test: ast.BoolOp, path: tuple[str | int, ...]) -> Iterator[_Change]:
    for operand in test.values:
        rest = [each for each in test.values if each is not operand]
        new = rest[0] if len(rest) == 1 else ast.BoolOp(test.op, rest)
        yield _Change(path, new, f"`{_text(operand)}` not asked in `{_text(test)}`")


def _moved(
    test: ast.expr, path: tuple[str | int, ...], to: dict[type[ast.cmpop], type[ast.cmpop]]
) -> Iterator[_Change]:
    if isinstance(test, ast.Compare):
        for number, operator in enumerate(test.ops):
            if type(operator) in to:
                new = deepcopy(test)
                new.ops[number] = to[type(operator)]()
                yield _Change(path, new, f"`{_text(test)}` became `{_text(new)}`")


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
