"""Conditions in templates of ApplicationSets: the branch that counts, or the text as it is where nobody can tell here."""

from __future__ import annotations

import time

import pytest

from auditor.manifests.graph.conditions import UNKNOWN, chosen
from auditor.manifests.nodes import Scalar

PARAMETERS = {
    "env": Scalar("dev", "v.yaml", 1, 1),
    "empty": Scalar("", "v.yaml", 2, 1),
    "on": Scalar("true", "v.yaml", 3, 1, quoted=False),
    "off": Scalar("false", "v.yaml", 4, 1, quoted=False),
    "no": Scalar("false", "v.yaml", 5, 1),
    "nothing": Scalar("", "v.yaml", 6, 1, null=True, quoted=False),
    "labels.tier": Scalar("gold", "v.yaml", 7, 1),
    "parts[0]": Scalar("a", "v.yaml", 8, 1),
}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a/{{ if .env }}{{ .env }}{{ else }}all{{ end }}/b", "a/{{ .env }}/b"),
        ("{{ if .none }}x{{ else }}y{{ end }}", "y"),
        ("{{ if .empty }}x{{ end }}y", "y"),
        ("{{ if .on }}x{{ end }}{{ if .off }}y{{ end }}{{ if .no }}z{{ end }}{{ if .nothing }}n{{ end }}", "xz"),
        ("{{ if .labels }}x{{ end }}{{ if .parts }}y{{ end }}", "xy"),
        ('{{ if eq .env "dev" }}x{{ else if eq .env "prod" }}y{{ else }}z{{ end }}', "x"),
        ('{{ if eq .env "a" }}x{{ else if eq .env "b" "dev" }}y{{ else }}z{{ end }}', "y"),
        ('{{ if ne .env "dev" }}x{{ else }}z{{ end }}', "z"),
        ('{{ if and .env (not .off) (or .empty (eq .env "dev")) }}x{{ end }}', "x"),
        (
            '{{ if hasKey . "env" }}x{{ end }}{{ if hasKey .labels "tier" }}y{{ end }}{{ if hasKey . "z" }}z{{ end }}',
            "xy",
        ),
        (
            '{{ if contains "e" .env }}x{{ end }}{{ if hasPrefix "d" .env }}y{{ end }}{{ if hasSuffix "d" .env }}z{{ end }}',
            "xy",
        ),
        ("{{ if empty .empty }}x{{ end }}", "x"),
        ("{{ if .env }}{{ if .off }}x{{ else }}y{{ end }}z{{ end }}", "yz"),
        ("a {{- if .env }} b {{- end }} c", "a b c"),
        ("a {{ if .env -}} b {{ end -}} c", "a b c"),
        ("{{ if .env }} {{- else }} n {{ end }}x", "x"),
        ("{{- if .none -}} n {{- else -}} y {{- end -}} ", "y"),
    ],
)
def test_the_branch_that_counts(text: str, made: str) -> None:
    assert chosen(text, PARAMETERS) == made


@pytest.mark.parametrize(
    "text",
    [
        "{{ if .env }}x",
        "{{ if .env }}x{{ end }}{{ end }}",
        "{{ if .env }}{{ range .parts }}x{{ end }}{{ end }}",
        "{{ if .env }}{{ with .labels }}x{{ end }}{{ end }}",
        "{{ if gt .env 1 }}x{{ end }}",
        '{{ if eq .none "x" }}x{{ end }}',
        '{{ if eq .on "true" }}x{{ end }}',
        "{{ if $x }}x{{ end }}",
        "{{ if (.env }}x{{ end }}",
        "{{ if .env) }}x{{ end }}",
        '{{ if eq .env "dev }}x{{ end }}',
        "{{ if .env | lower }}x{{ end }}",
        "{{ if }}x{{ end }}",
        "{{ if .env }}x{{ else other }}y{{ end }}",
        "{{ .env }}",
    ],
)
def test_what_cannot_be_decided_stays(text: str) -> None:
    assert chosen(text, PARAMETERS) == text


@pytest.mark.parametrize("condition", [".none", 'eq .none "x"', 'hasKey . "env"', "not .none", "or .empty .none"])
def test_what_only_a_controller_knows_is_not_decided(condition: str) -> None:
    text = f"{{{{ if {condition} }}}}x{{{{ end }}}}"
    assert chosen(text, {**PARAMETERS, UNKNOWN: Scalar("", "", 0, 0)}) == text


@pytest.mark.parametrize(
    "text",
    [
        "{{ if .env }}" * 20000,
        "{{ if .env }}x{{ end }}" + "{{" * 200000,
        "{{ if " + "(" * 100000 + ".env }}x{{ end }}",
        "{{ if " + '"' * 100001 + " }}x{{ end }}",
        "{{ if .env }}x{{ end }}" + " " * 300000 + "{{- end",
    ],
    ids=["deep", "open", "brackets", "quotes", "space"],
)
def test_texts_that_are_made_to_take_long_do_not(text: str) -> None:
    start = time.process_time()
    chosen(text, PARAMETERS)
    assert time.process_time() - start < 3
