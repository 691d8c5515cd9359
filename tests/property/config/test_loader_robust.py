"""Whatever the bytes: rules, or a configuration error with problems. Nothing else."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditor.config.keys import FILE
from auditor.config.load import load_rules
from auditor.config.rules import Rules
from auditor.config.shape import Choice, Day, Either, Flag, Many, Record, Shape, Table, Text, Whole
from auditor.errors import ConfigurationError

TODAY = date(2026, 3, 1)
FILES = {
    "k.pub": b"-----BEGIN PUBLIC KEY-----",
    "c.pem": b"-----BEGIN CERTIFICATE-----",
    "t.json": b"{}",
    "o.yaml": b"version: 1\n",
}


def load(content: bytes) -> Rules | None:
    files = {**FILES, "auditor.yaml": content}
    try:
        return load_rules(files.get, None, today=TODAY)
    except ConfigurationError as error:
        problems = error.problems
    lines = content.count(b"\n") + content.count(b"\r") + content.count(b"\xc2\x85") + 2
    "".join(map(str, problems)).encode()
    assert problems
    assert all(problem.message and problem.help and problem.line <= lines for problem in problems)
    return None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(b"version: 1\n\xc2\x85")
@example(b"\xef\xbb\xbf")
@example(b"? ")
@example(b"!")
@example(b"!<")
@example(b"%")
@example(b"- &")
@example(b"a: >-9")
@example(b"--- |1-")
@example(b"'\\")
@example(b'"\\UFFFFFFFF"')
@example(b'"\\ud800": 1')
@example(b"&a : *a")
@example(b"!!int x")
@example(b"=")
def test_any_bytes(content: bytes) -> None:
    load(content)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="version: 1\n\t-[]{}'\"&*!|>%@`#,?~<=ab", max_size=60))
def test_any_text_that_looks_like_yaml(text: str) -> None:
    load(text.encode())


WORDS = st.sampled_from(
    [
        "",
        "*",
        "**",
        "ghcr.io/acme/**",
        "acme/*",
        "release",
        "catalog",
        "k.pub",
        "c.pem",
        "t.json",
        "o.yaml",
        "auditor.yaml",
    ]
) | st.text(max_size=8)
SCALARS: st.SearchStrategy[Any] = (
    WORDS | st.integers() | st.booleans() | st.none() | st.just("2026-03-02") | st.floats()
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values that mostly have the shape: the mistakes lie deeper."""
    match shape:
        case Choice():
            return st.sampled_from(shape.words)
        case Flag():
            return st.booleans()
        case Whole():
            return st.integers(shape.least, shape.most)
        case Day():
            return st.dates(date(2025, 1, 1), date(2027, 1, 1)).map(str)
        case Many():
            return values(shape.item) | st.lists(values(shape.item) | ANYTHING, max_size=2)
        case Table():
            return st.dictionaries(WORDS, values(shape.value), max_size=2)
        case Record():
            return record(shape)
        case Either():
            return values(shape.text) | record(shape.record)
        case Text():
            return WORDS | (st.just(shape.example) if shape.example else st.nothing())


def record(shape: Record) -> st.SearchStrategy[dict[str, Any]]:
    required = {name: values(key.shape) for name, key in shape.keys.items() if key.required}
    optional = {name: values(key.shape) | ANYTHING for name, key in shape.keys.items() if not key.required}
    return st.fixed_dictionaries(required, optional=optional)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(record(FILE))
def test_any_document_of_nearly_the_right_shape(document: dict[str, Any]) -> None:
    load(json.dumps(document).encode())


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(ANYTHING)
def test_any_document(document: Any) -> None:
    load(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))
