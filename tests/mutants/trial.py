"""Does a test notice? The tests run in a fork of a process in which everything is loaded, with one module's functions replaced."""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from types import CodeType, FunctionType, ModuleType
from typing import Final

import pytest

from tests.mutants.loosen import Mutant

SECONDS: Final = 300
"""For one mutant. One that does not end has been noticed."""
PACKAGE: Final = "auditor.signatures"


def run_tests(files: Sequence[str]) -> int:
    """Pytest's exit status, at the first failure."""
    return int(pytest.main(["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *files]))


def begin(mutant: Mutant, stages: Iterable[Sequence[str]]) -> int:
    """Start to try it. Gives the process, whose exit status tells: 0, no test noticed; 1, one did.

    Each stage is collected only when nothing in those before it has noticed.
    """
    child = os.fork()
    if child:
        return child
    status = 3
    try:
        signal.alarm(SECONDS)  # the default action ends the process: noticed
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        install(mutant)
        status = next((status for files in stages if (status := run_tests(files))), 0)
    finally:
        os._exit(status)


def install(mutant: Mutant) -> None:
    """Give the functions of the loaded module the code of the mutant, wherever they are referred to."""
    module = import_module(f"{PACKAGE}.{mutant.module}")
    compiled = compile(mutant.tree, str(module.__file__), "exec", dont_inherit=True)
    codes = {code.co_qualname: code for code in _codes(compiled)}
    installed = 0
    for function in _functions(module):
        if function.__qualname__ == mutant.where:
            function.__code__ = codes[function.__qualname__]
            installed += 1
    if not installed:
        sys.exit(4)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = vars(value).values() if inspect.isclass(value) else (value,)
        yield from (function for member in members if isinstance(function := _bare(member), FunctionType))


def _bare(member: object) -> object:
    """The function inside a property, a class method or a decorated function."""
    match member:
        case property():
            return member.fget
        case cached_property():
            return member.func
        case classmethod() | staticmethod():
            return member.__func__
        case _:
            return inspect.unwrap(member) if callable(member) else member
