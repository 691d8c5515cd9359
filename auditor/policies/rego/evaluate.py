"""Asking the process that evaluates Rego, within bounds. Nothing here raises for a bad module: a reason is an answer."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from msgspec import Struct

from auditor.limits import DEFAULT, Limits
from auditor.policies.rego.scan import foreign_expression, unsafe_variable

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_CHILD: Final = Path(__file__).with_name("child.py")
_UNDEFINED: Final = "undefined"


class Value(Struct, frozen=True):
    """What a query gave; `defined` is False where no rule holds. Sets come as lists."""

    json: Json
    defined: bool = True


class Unevaluated(Struct, frozen=True):
    """Why a query gave nothing that can be believed."""

    why: str


class Rego:
    """A process that evaluates Rego, started when it is first asked. A context manager; thread-safe, one query at a time."""

    def __init__(self, limits: Limits = DEFAULT) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._running: list[subprocess.Popen[bytes]] = []
        weakref.finalize(self, _end, self._running)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._stop()

    def query(self, modules: Sequence[tuple[str, str]], document: Any, query: str) -> Value | Unevaluated:
        """The value of a query over these modules (name and text) with `document` as `input`."""
        variable = unsafe_variable(source for _, source in modules)
        if variable is not None:
            return Unevaluated(f"the variable {variable} is unsafe: nothing binds it")
        foreign = foreign_expression(source for _, source in modules)
        if foreign is not None:
            return Unevaluated(f"the regular expression {foreign[:80]} would be read differently here")
        request = json.dumps({"modules": list(modules), "input": document, "query": query}).encode() + b"\n"
        if len(request) > self._limits.rego_bytes:
            return Unevaluated(f"policy and input are larger than {self._limits.rego_bytes >> 20} MiB")
        with self._lock:
            line = self._ask(request)
            if line is None:
                self._stop()
                return Unevaluated(
                    f"it did not end within {self._limits.rego_seconds:g} seconds, or needed too much memory"
                )
        return _read(line)

    def _ask(self, request: bytes) -> bytes | None:
        """One line of answer; None where the process ends or takes too long."""
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        timer = threading.Timer(self._limits.rego_seconds, child.kill)
        timer.start()
        try:
            child.stdin.write(request)
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError:
            return None
        finally:
            timer.cancel()
        return line if line.endswith(b"\n") else None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._stop()
            bounds = (str(self._limits.rego_megabytes), str(self._limits.rego_processor_seconds))
            self._child = subprocess.Popen(
                [sys.executable, "-I", str(_CHILD), *bounds],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
            )
            self._running[:] = [self._child]
        return self._child

    def _stop(self) -> None:
        self._child = None
        _end(self._running)


def _end(running: list[subprocess.Popen[bytes]]) -> None:
    """Stop what still runs; also when nobody holds the evaluator any more."""
    while running:
        child = running.pop()
        child.kill()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        child.wait()


def _read(line: bytes) -> Value | Unevaluated:
    answer: Mapping[str, Json] = json.loads(line)
    if "error" in answer:
        why = str(answer["error"])
        if why.startswith("ModuleNotFoundError"):
            why = "regopy is not installed: install the extra `rego`"
        return Unevaluated(why)
    return Value(None, defined=False) if _UNDEFINED in answer else Value(answer["value"])
