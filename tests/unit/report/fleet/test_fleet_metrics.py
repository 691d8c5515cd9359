"""Metrics as Prometheus itself reads them, and a dashboard that asks for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from auditor.model.audit import Fleet
from auditor.model.finding import Level
from auditor.model.verdict import Verdict
from auditor.report.escape import visible_text
from auditor.report.fleet.census import DRIFT, State
from auditor.report.fleet.formats import TEXTS
from auditor.report.fleet.metrics import METRICS, OTHERS
from auditor.report.options import RenderOptions
from tests.support import fleets
from tests.support.hostile import ATTACKS

ROOT = Path(__file__).parents[4]
DASHBOARD = ROOT / "examples" / "grafana" / "auditor.json"


def families(fleet: Fleet) -> dict[str, Metric]:
    text = "".join(TEXTS["metrics"](fleet, RenderOptions()))
    found = list(text_string_to_metric_families(text))
    assert len({family.name for family in found}) == len(found) == text.count("# TYPE")
    return {family.name: family for family in found}


def value(family: Metric, **labels: str) -> float:
    return sum(s.value for s in family.samples if labels.items() <= s.labels.items())


def test_numbers_are_those_of_the_audit() -> None:
    told = families(fleets.five())
    assert set(told) == set(METRICS)
    assert all(family.type == "gauge" and family.documentation for family in told.values())
    assert value(told["auditor_images"], verdict="unsigned") == 3
    assert value(told["auditor_images"], repository="shop", verdict="wrong-signer") == 1
    assert value(told["auditor_findings"], repository="platform", level="error") == 0, "in the baseline"
    assert value(told["auditor_findings"], repository="shop", level="error") == 3
    assert {s.labels["state"]: s.value for s in told["auditor_repositories"].samples} == {
        "failing": 2,
        "not-audited": 1,
        "incomplete": 1,
        "clean": 1,
    }
    assert value(told["auditor_drift"], rule="tag-moved") == 1
    assert value(told["auditor_oldest_finding_days"]) == 41
    assert value(told["auditor_run_timestamp_seconds"]) == fleets.STARTED.timestamp()
    assert value(told["auditor_run_duration_seconds"]) == 61.25
    assert value(told["auditor_run_complete"]) == 0


def test_complete_only_where_nothing_is_open() -> None:
    clean = next(a for a in fleets.five().audited if a.target.name == "platform")
    assert value(families(fleets.Listed(fleets.run(), (clean,)))["auditor_run_complete"]) == 1
    early = fleets.Listed(fleets.run(ended_early="SIGTERM"), (clean,))
    assert value(families(early)["auditor_run_complete"]) == 0


@pytest.mark.parametrize("attack", [*ATTACKS, 'a"} 1\nb{c="', "a\\", "\\n", ""], ids=lambda text: ascii(text)[:40])
def test_any_name_is_one_label(attack: str) -> None:
    told = families(fleets.hostile(attack))
    assert {s.labels["repository"] for s in told["auditor_images"].samples} == {visible_text(attack[:200])}
    assert all(len(s.labels) == len(METRICS[name][1]) for name, family in told.items() for s in family.samples)


def test_the_number_of_series_is_bounded_and_nothing_is_lost() -> None:
    one = next(a for a in fleets.five().audited if a.target.name == "platform")
    number = 2_050
    many = tuple(replace(one, target=replace(one.target, name=f"r{n:05d}")) for n in range(number))
    told = families(fleets.Listed(fleets.run(), many))
    names = {s.labels["repository"] for s in told["auditor_images"].samples}
    assert len(names) == 2_001
    assert OTHERS in names
    assert value(told["auditor_images"], verdict="verified") == number
    assert value(told["auditor_images"], verdict="verified", repository=OTHERS) == 50


def test_names_that_are_cut_to_one_are_counted_together() -> None:
    one = next(a for a in fleets.five().audited if a.target.name == "platform")
    twins = tuple(replace(one, target=replace(one.target, name="x" * 200 + end)) for end in "ab")
    told = families(fleets.Listed(fleets.run(), twins))
    assert [s.value for s in told["auditor_images"].samples if s.labels["verdict"] == "verified"] == [2]


def strings(value_: Any, key: str) -> Iterator[str]:
    if isinstance(value_, dict):
        if isinstance(value_.get(key), str):
            yield value_[key]
        for part in value_.values():
            yield from strings(part, key)
    elif isinstance(value_, list):
        for part in value_:
            yield from strings(part, key)


WORDS = {
    "verdict": {verdict.value for verdict in Verdict},
    "level": {level.value for level in Level},
    "state": {state.value for state in State},
    "rule": set(DRIFT),
}


def check_query(query: str) -> None:
    """Every metric of a query is ours, with labels that it has and values that they can have."""
    names = set(re.findall(r"auditor_\w+", query))
    assert names, query
    assert names <= set(METRICS), query
    labels = {label for name in names for label in METRICS[name][1]}
    for selector in re.findall(r"\{([^}]*)\}", query):
        for label, operator, wanted in re.findall(r'(\w+)(=~|=|!=|!~)"([^"]*)"', selector):
            assert label in labels, query
            if label in WORDS:
                assert set(wanted.split("|") if "~" in operator else [wanted]) <= WORDS[label], query
    for group in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in group.split(",")} <= labels, query


def test_the_dashboard_asks_for_what_is_written() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    queries = list(strings(dashboard, "expr"))
    assert len(queries) >= len(dashboard["panels"]) >= 10
    for query in queries:
        check_query(query)
    assert {name for query in queries for name in re.findall(r"auditor_\w+", query)} == set(METRICS)
    for variable in dashboard["templating"]["list"]:
        for name, label in re.findall(r"label_values\((\w+), (\w+)\)", variable.get("definition", "")):
            assert label in METRICS[name][1]
    legends = {word for text in strings(dashboard, "legendFormat") for word in re.findall(r"\{\{(\w+)\}\}", text)}
    assert legends <= {label for _help, labels in METRICS.values() for label in labels}


def test_the_dashboard_is_laid_out_without_overlaps() -> None:
    taken: set[tuple[int, int]] = set()
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not taken & cells
        taken |= cells


@pytest.mark.parametrize(
    "query", ['auditor_pictures{verdict="x"}', 'auditor_images{state="clean"}', 'auditor_images{verdict="good"}']
)
def test_a_query_for_what_is_not_written_is_noticed(query: str) -> None:
    with pytest.raises(AssertionError):
        check_query(query)


def test_the_alerts_of_the_page_ask_for_what_is_written() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    assert set(METRICS) <= set(re.findall(r"`(auditor_\w+)`", page))
    alerts = re.findall(r"expr: (.*)", page)
    assert len(alerts) == 4
    for query in alerts:
        check_query(query)
