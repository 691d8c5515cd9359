"""Rego over the evidence of a run: the same module before `opa eval`, `conftest test` and our own evaluation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

from auditor.policies.rego.evaluate import Rego
from auditor.policies.rego.gate import ask_gate
from tests.interop.policies.stage import SHOP
from tests.interop.stack.programs import Programs, tool

Json: TypeAlias = dict[str, Any]
Words: TypeAlias = dict[str, list[str]]
"""What `deny` and `warn` hold."""
RULES: Final = ("deny", "warn")

TITLE: Final = "Rego over the evidence"
_HEAD: Final = "package auditor\n\nimport rego.v1\n\n"

MODULES: Final = {
    "nothing-denied": 'deny contains "never" if { input.images[_].verdict == "no such verdict" }',
    "every-image": "deny contains image.reference if { some image in input.images }",
    "not-verified": 'deny contains image.reference if { some image in input.images; image.verdict != "verified" }',
    "warned": 'warn contains image.reference if { some image in input.images; image.verdict == "unsigned" }',
    "both": 'deny contains "a" if { count(input.images) > 2 }\nwarn contains "b" if { count(input.images) > 200 }',
    "object": 'deny contains {"msg": msg, "image": image.reference} if {\n'
    '  some image in input.images\n  image.verdict == "unsigned"\n  msg := sprintf("%s is %s", [image.reference, image.verdict])\n}',
    "regexp": "deny contains image.reference if { some image in input.images; regex.match(`acme/(un|other)`, image.reference) }",
    "regexp-anchored": "deny contains image.reference if { some image in input.images; regex.match(`^acme/`, image.reference) }",
    "startswith": 'deny contains image.reference if { some image in input.images; not startswith(image.reference, "ghcr.io/acme/o") }',
    "split": 'deny contains host if { some image in input.images; host := split(image.reference, "/")[0] }',
    "undefined-field": "deny contains image.reference if { some image in input.images; not image.no.such.field }",
    "issuer": "deny contains signature.identity.issuer if { some image in input.images; some signature in image.signatures }",
    "helper": 'signed(image) if image.verdict == "verified"\ndeny contains image.reference if { some image in input.images; not signed(image) }',
    "comprehension": 'deny contains sprintf("%d", [n]) if { n := count([i | some i in input.images; i.verdict == "verified"]) }',
    "every": 'deny contains "some image is not verified" if { not ok }\nok if { every image in input.images { image.verdict == "verified" } }',
    "default": 'default strict := false\nstrict if input.run.complete\ndeny contains "incomplete" if { not strict }',
    "sets": 'verdicts := {image.verdict | some image in input.images}\ndeny contains verdict if { some verdict in verdicts - {"verified"} }',
    "numbers": 'deny contains sprintf("%v", [sum([1, 2, 3]) / 2])',
    "upper-case": "deny contains upper(image.verdict) if { some image in input.images }",
    "unsafe-variable": "deny contains x if { not input.images[x] }",
    "without-if": 'deny contains "x" { true }',
    "not-rego": "deny contains ((",
}
"""What a team might write, and three that do not compile."""


def evidence(programs: Programs, images: Iterable[str], trusted_root: Path) -> Json:
    """The JSON of a run over these images."""
    who = ("--certificate-identity", SHOP.subject, "--certificate-oidc-issuer", SHOP.issuer)
    ask = ("verify", "-f", "json", *who, "--trusted-root", str(trusted_root))
    done = programs.run(sys.executable, "-m", "auditor", *ask, *images)
    document: Json = json.loads(done.out)
    return document


def compared(programs: Programs, folder: Path, document: Json) -> dict[str, dict[str, Words | None]]:
    """By module: what opa, conftest and we say of the document; None where the module is refused."""
    place = folder / "rego"
    place.mkdir()
    given = place / "evidence.json"
    given.write_text(json.dumps(document))
    told: dict[str, dict[str, Words | None]] = {}
    with Rego() as rego:
        for name, body in MODULES.items():
            module = place / f"{name}.rego"
            module.write_text(_HEAD + body + "\n")
            told[name] = {
                "opa": _opa(programs, module, given),
                "conftest": _conftest(programs, module, given),
                "ours": _ours(rego, module, document),
            }
    return told


def _opa(programs: Programs, module: Path, given: Path) -> Words | None:
    done = programs.run(tool("opa"), "eval", "-f", "json", "-d", str(module), "-i", str(given), "data.auditor")
    answer = json.loads(done.out)
    if "errors" in answer:
        return None
    value = answer["result"][0]["expressions"][0]["value"]
    return {rule: sorted(map(_message, value.get(rule, []))) for rule in RULES}


def _conftest(programs: Programs, module: Path, given: Path) -> Words | None:
    done = programs.run(tool("conftest"), "test", "--namespace", "auditor", "-p", str(module), "-o", "json", str(given))
    if not done.out.strip():
        return None
    (answer,) = json.loads(done.out)
    said = {"deny": answer.get("failures") or [], "warn": answer.get("warnings") or []}
    return {rule: sorted(map(_message, said[rule])) for rule in RULES}


def _ours(rego: Rego, module: Path, document: Json) -> Words | None:
    said = ask_gate({module.name: module.read_bytes()}, document, rego)
    assert said is not None, module
    if said.unevaluated is not None:
        return None
    return {rule: sorted(word.message for word in said.words if word.denies is (rule == "deny")) for rule in RULES}


def _message(item: Any) -> str:
    return str(item["msg"]) if isinstance(item, dict) else str(item)
