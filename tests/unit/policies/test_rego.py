"""Rego in a process of its own: what it says, and what it is not allowed to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auditor.limits import Limits
from auditor.model.place import Place
from auditor.policies.rego.compliant import complies
from auditor.policies.rego.evaluate import Rego, Unevaluated, Value
from auditor.policies.rego.gate import Said, Word, ask_gate
from auditor.policies.rego.scan import unsafe_variable

DOCUMENT = {
    "schema": "auditor/v1",
    "images": [
        {"reference": "ghcr.io/acme/api:1", "verdict": "verified", "uses": []},
        {"reference": "ghcr.io/acme/web:1", "verdict": "unsigned", "uses": [{"file": "web.yaml", "line": 7}]},
    ],
}
GATE = b"""package auditor

deny contains {"msg": msg, "image": image.reference, "file": use.file, "line": use.line} if {
    some image in input.images
    image.verdict == "unsigned"
    some use in image.uses
    msg := sprintf("%s is not signed", [image.reference])
}

warn contains "two images" if count(input.images) == 2
"""


@pytest.fixture(scope="module")
def rego() -> Iterator[Rego]:
    with Rego() as process:
        yield process


def ask(rego: Rego, text: str | bytes) -> Said:
    answer = ask_gate({"policy/gate.rego": text.encode() if isinstance(text, str) else text}, DOCUMENT, rego)
    assert answer is not None
    return answer


def test_the_gate_says_what_where_and_about_which_image(rego: Rego) -> None:
    assert ask(rego, GATE) == Said(
        "rego/policy/gate.rego",
        "policy/gate.rego",
        (
            Word(True, "ghcr.io/acme/web:1 is not signed", "ghcr.io/acme/web:1", Place("web.yaml", 7)),
            Word(False, "two images"),
        ),
    )


def test_other_packages_are_data_for_ours(rego: Rego) -> None:
    modules = {
        "lib.rego": b'package lib\nbad contains "unsigned"\n',
        "gate.rego": b"package auditor\nimport data.lib\ndeny contains i.reference if {\n  some i in input.images\n  i.verdict in lib.bad\n}\n",
    }
    answer = ask_gate(modules, DOCUMENT, rego)
    assert answer is not None
    assert answer.policy == "rego/gate.rego"
    assert answer.words == (Word(True, "ghcr.io/acme/web:1"),)
    assert ask_gate({"lib.rego": modules["lib.rego"]}, DOCUMENT, rego) is None


@pytest.mark.parametrize(
    "text",
    [
        'package auditor\ndeny[msg] { msg := "v0" }',
        'package auditor\ndeny[msg] if { msg := "an object" }',
        "package auditor\ndeny := true",
        'package auditor\ndeny contains "x" if {',
        'package auditor\ndeny contains "x" if not typo.verified',
        'package auditor\ndeny contains "x" if not http.send({"method": "get", "url": "http://127.0.0.1"}).ok',
        'package auditor\ndeny contains "x" if opa.runtime().env.HOME',
        'package auditor\ndeny contains "x" if not no.such.builtin(1)',
        'package auditor\ndeny contains "x" if { some a in numbers.range(1, 9000000); some b in numbers.range(1, 9000000); a * b < 0 }',
    ],
)
def test_what_cannot_be_evaluated_never_passes(text: str) -> None:
    with Rego(Limits(rego_seconds=2.0)) as quick:
        answer = ask(quick, text)
        assert answer.unevaluated
        assert not answer.words
        # The next one is answered all the same.
        assert ask(quick, GATE).unevaluated is None


def test_memory_is_bounded() -> None:
    with Rego(Limits(rego_megabytes=150)) as small:
        assert isinstance(
            small.query([("m", "package a\nx := numbers.range(1, 90000000)")], {}, "data.a.x"), Unevaluated
        )


def test_input_is_bounded() -> None:
    with Rego(Limits(rego_bytes=100)) as small:
        assert isinstance(small.query([("m", "package a\nx := 1")], {"a": "b" * 100}, "data.a.x"), Unevaluated)


def test_a_policy_is_asked_again_and_again(rego: Rego) -> None:
    module = [("m", "package a\nx := input.n * 2")]
    assert [rego.query(module, {"n": n}, "data.a.x") for n in range(20)] == [Value(2 * n) for n in range(20)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("isCompliant { input.n == 1 }", True),
        ("isCompliant { input.n == 2 }", "isCompliant does not hold"),
        ("default isCompliant = false\nisCompliant { input.n == 2 }", "isCompliant does not hold"),
        ("import rego.v1\nisCompliant if input.n == 1", True),
        ('isCompliant := [{"result": true}]', True),
        ('isCompliant := [{"result": true, "warning": "soon"}]', "warning: soon"),
        ('isCompliant := [{"result": false, "error": "old"}]', "old"),
        ("isCompliant := [1]", "isCompliant holds something that is no object"),
        ("isCompliant := []", "isCompliant holds no result"),
        ('isCompliant := "yes"', "isCompliant is neither true nor a list of results"),
        ("somethingElse := true", "isCompliant does not hold"),
    ],
)
def test_compliance(rego: Rego, text: str, expected: bool | str) -> None:
    assert complies(rego, f"package sigstore\n{text}\n", {"n": 1}) == expected


@pytest.mark.parametrize("text", ["isCompliant if input.n == 1", "isCompliant { not typo }", "isCompliant {"])
def test_what_the_controller_would_not_compile_does_not_comply(rego: Rego, text: str) -> None:
    assert isinstance(complies(rego, f"package sigstore\n{text}\n", {"n": 1}), Unevaluated)


@pytest.mark.parametrize(
    ("rule", "unsafe"),
    [
        ("x if { not y }", "y"),
        ("x := y if { some y in input.a }", None),
        ("x := {k: v | some k, v in input}", None),
        ("f(a, [b, c]) := a + b + c", None),
        ("f(a) := a + b", "b"),
        ("x := y if { [y, _] := input.a }", None),
        ("x := count([1 | input.a[i].b == 1; i > 0])", None),
        ("x if { every y in input.a { y == z } }", "z"),
        ("x if { walk(input, [path, value]); value == path }", None),
        ('x := "y # z" # w', None),
        ("x := `raw y`", None),
        ("import data.lib as l\nx := l.y", None),
        ("x := y\ny := 1", None),
    ],
)
def test_unsafe_variables(rule: str, unsafe: str | None) -> None:
    assert unsafe_variable([f"package a\n{rule}\n"]) == unsafe
