"""The process that evaluates Rego: one JSON request per line on standard input, one JSON answer per line on standard output.

Run as a script, isolated and without environment. The only door to regopy, which prints what it dislikes to standard output:
answers go out by another descriptor. A function that regopy does not have would only be undefined there, and `not f(x)` true:
such a module is refused, and so are functions that look at the world.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import threading
import time
from typing import Any, Final

_COMMENT_OR_TEXT: Final = re.compile(r'"(?:\\.|[^"\\\n])*"|`[^`]*`|#[^\n]*')
_CALL: Final = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\(")
_HEAD: Final = re.compile(r"^\s*(?:default\s+|else\s+)?([A-Za-z_]\w*)\(", re.MULTILINE)
_IMPORT: Final = re.compile(r"^\s*import\s+([\w.]+)(?:\s+as\s+(\w+))?", re.MULTILINE)
_WORDS: Final = frozenset({"if", "in", "not", "some", "every", "with", "as", "else", "contains", "default"})
_WORLDLY: Final = frozenset({"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122"})


def refused(modules: list[list[str]], known: Any) -> str | None:
    """Why these modules are not evaluated: a function that is not there, or one that looks at the world."""
    texts = [_COMMENT_OR_TEXT.sub('""', source) for _, source in modules]
    own = {name for text in texts for name in _HEAD.findall(text)}
    for (name, _), text in zip(modules, texts, strict=True):
        aliases = {alias or path.rpartition(".")[2] for path, alias in _IMPORT.findall(text)}
        for call in _CALL.findall(text):
            first = call.partition(".")[0]
            if call in _WORLDLY:
                return f"{name}: {call} looks at the world outside"
            if call in own or call in _WORDS or first == "data" or ("." in call and first in aliases) or known(call):
                continue
            return f"{name}: there is no function {call} here"
    return None


class Evaluator:
    """Keeps the last set of modules compiled: the same policy is asked about one image after another."""

    def __init__(self) -> None:
        self._modules: list[list[str]] = []
        self._interpreter: Any = None
        self._refused: str | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`value`, or `undefined`, or `error`."""
        try:
            self._load(request["modules"])
            if self._refused:
                return {"error": self._refused}
            self._interpreter.set_input_term(json.dumps(request["input"]))
            return _value(str(self._interpreter.query(request["query"])))
        except Exception as error:  # noqa: BLE001 - whatever a hostile module provokes is an answer about that module
            return {"error": f"{type(error).__name__}: " * (not _told(error)) + _first_line(str(error))}

    def _load(self, modules: list[list[str]]) -> None:
        if self._interpreter is not None and modules == self._modules:
            return
        import regopy  # noqa: PLC0415 - an extra: without it every request is answered with this import's error

        self._interpreter, self._modules = regopy.Interpreter(), modules
        # OPA takes what a built-in function refuses for undefined; regopy refuses more, so that would be kinder than OPA.
        self._interpreter.strict_built_in_errors = True
        self._refused = refused(modules, self._interpreter.is_builtin)
        for name, source in modules:
            self._interpreter.add_module(name, source)


def _value(output: str) -> dict[str, Any]:
    if output == "undefined":
        return {"undefined": True}
    if output.startswith("<error"):
        return {"error": "a built-in function was given what it does not take"}
    try:
        return {"value": json.loads(output)["expressions"][0]}
    except ValueError:
        return {"error": "regopy gave an answer that is no JSON: something in the policy is not defined"}


def _told(error: Exception) -> bool:
    return type(error).__name__ == "RegoError"


def _first_line(text: str) -> str:
    """The first thing that regopy dislikes, and where."""
    found = re.search(r"\(errormsg \d+:(.*?)\)(?:\s|$)", text)
    where = re.search(r"\(error \d+:([^|]*)\|", text)
    if found:
        return f"{where[1]}: {found[1]}" if where else found[1]
    return text.strip().partition("\n")[0][:300]


def bound(megabytes: int, seconds: int) -> None:
    """Processor time of this process, and its memory: regopy's allocator reserves too much for a limit by the kernel."""
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_watch, args=(megabytes << (20 if sys.platform == "darwin" else 10),), daemon=True).start()


def _watch(most: int) -> None:
    """End the process that ever held more; evaluation runs outside the interpreter's lock, so this thread goes on."""
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < most:
        time.sleep(0.02)
    os._exit(3)


def main() -> None:
    """Answer until standard input ends."""
    bound(int(sys.argv[1]), int(sys.argv[2]))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    evaluator = Evaluator()
    for line in sys.stdin:
        answers.write(json.dumps(evaluator.answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
