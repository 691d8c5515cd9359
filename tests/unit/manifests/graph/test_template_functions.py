"""What the template of an ApplicationSet does with its parameters, as Go templates and sprig do."""

from __future__ import annotations

import time

import pytest

from auditor.manifests.graph.template import filled
from auditor.manifests.nodes import Scalar
from auditor.model.use import Via

PARAMETERS = {
    name: Scalar(text, "values.yaml", line, 1)
    for line, (name, text) in enumerate(
        {"env": "devel", "tag": "v1.2.3", "path.segments[1]": "seg", "path.basename": "My_App", "empty": ""}.items(), 1
    )
}


def made(text: str) -> Scalar:
    node = filled(Scalar(text, "set.yaml", 9, 3), PARAMETERS)
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize(
    ("text", "filled_in"),
    [
        ("{{ .env | trunc 3 }}", "dev"),
        ("{{ trunc -2 .env }}", "el"),
        ('{{ .tag | trimPrefix "v" }}', "1.2.3"),
        ('{{ .tag | trimSuffix ".3" | upper }}', "V1.2"),
        ('{{ printf "%s-%v%%" .env .tag }}', "devel-v1.2.3%"),
        ('{{ .none | default "x" }}', "x"),
        ("{{ .empty | default `a|b` }}", "a|b"),
        ('{{ default "z" .tag }}', "v1.2.3"),
        ("{{ index .path.segments 1 | upper }}", "SEG"),
        ('{{- .path.basename | lower | replace "_" "-" -}}', "my-app"),
        ("{{env}}", "devel"),
        ('{{ if eq .env "devel" }}{{ .tag | upper }}{{ else }}a{{ end }}', "V1.2.3"),
    ],
)
def test_functions_on_texts(text: str, filled_in: str) -> None:
    node = made(f"ghcr.io/acme/api:{text}")
    assert node.text == f"ghcr.io/acme/api:{filled_in}"
    assert node.via is Via.SUBSTITUTE or ".none" in text


@pytest.mark.parametrize(
    "text",
    [
        "{{ if gt .env 1 }}a{{ end }}",
        "{{ .none }}",
        "{{ .env | nobody }}",
        "{{ lower }}",
        '{{ printf "%s" }}',
        '{{ printf "%q" .env }}',
        "{{ trunc x .env }}",
        "{{ trunc 99999999999999999999999999 }}",
        "{{ (.env) | lower }}",
        '{{ .tag | splitList "." | first }}',
        '{{ "never closed | lower }}',
    ],
)
def test_what_is_not_known_stays_as_it_is_written(text: str) -> None:
    assert made(text).text == text


def test_the_line_to_edit_is_that_of_the_last_parameter() -> None:
    assert (made('{{ printf "%s-%s" .env .tag }}').file, made("{{ .tag | upper }}").line) == ("values.yaml", 2)


def test_an_expression_without_end_costs_nothing() -> None:
    start = time.process_time()
    text = "{{ .env " + "| lower " * 100_000 + "}}"
    assert made(text).text == text
    assert time.process_time() - start < 2
