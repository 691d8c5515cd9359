"""JSON, version 1: the fields that readers rely on, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from auditor.model.report import Report
from auditor.report.json_read import InvalidReport, read_report
from auditor.report.json_v1 import document
from auditor.report.render import FORMATS, RenderOptions, render
from tests.support import samples
from tests.support.schemas import report_validator

REPORTS = {
    "failing": samples.failing(),
    "clear": samples.clear(),
    "nothing-new": samples.nothing_new(),
    "empty": samples.empty(),
    "inventory": samples.inventory(),
    "verified": samples.verified(),
    "hostile": samples.hostile("<x>"),
}
every_report = pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())

RUN = "command target base merge_base head started seconds complete exit renderers trust"
IMAGE = (
    "reference name tag digest pinned repository change verdict reason rule previous signatures platforms policies uses"
)
SIGNATURE = "form status allowed why identity predicate logged log_index trust"
USE = "file line column key_path workload container root via base_file base_line change deployed confidence"
FINDING = "rule level image file line message help fingerprint waived baseline"


@every_report
def test_valid_by_the_schema_without_undocumented_fields(report: Report) -> None:
    report_validator().validate(document(report))


def test_fields_of_the_contract_in_its_order() -> None:
    told: Any = document(samples.failing())
    assert list(told) == ["schema", "tool", "run", "summary", "images", "findings", "skipped"]
    assert told["schema"] == "auditor/v1"
    for fields, value in [
        (RUN, told["run"]),
        ("images uses verdicts findings", told["summary"]),
        ("error warning note waived baseline", told["summary"]["findings"]),
        (IMAGE, told["images"][0]),
        ("reference digest verdict identity", told["images"][0]["previous"]),
        (SIGNATURE, told["images"][0]["signatures"][0]),
        ("issuer subject claims", told["images"][0]["signatures"][0]["identity"]),
        (USE, told["images"][0]["uses"][0]),
        (FINDING, told["findings"][0]),
        ("owner until reason", told["findings"][-1]["waived"]),
        ("file line what why", told["skipped"][0]),
    ]:
        expected = fields.split()
        assert list(value)[: len(expected)] == expected


def test_counts_add_up() -> None:
    told = document(samples.failing())
    assert told["summary"]["findings"] == {
        "error": 2, "warning": 2, "note": 0, "waived": 1, "baseline": 0, "incomplete": 1,
    }  # fmt: skip
    assert sum(told["summary"]["findings"].values()) == len(told["findings"])
    assert sum(told["summary"]["verdicts"].values()) == 5
    assert (told["run"]["exit"], told["run"]["complete"]) == (1, False)


def test_worst_first() -> None:
    told = document(samples.failing())
    verdicts = [image["verdict"] for image in told["images"]]
    assert verdicts == ["wrong-signer", "unsigned", "key-signed", "unjudged", "verified", None]
    assert [finding["rule"] for finding in told["findings"]][-1] == "key-signed-image"


@every_report
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_saved_run_looks_the_same_in_every_format(report: Report, format_name: str) -> None:
    again = read_report(render(report, "json"))
    options = RenderOptions(verbose=True, blob_url="https://github.com/acme/platform/blob/main")
    assert render(again, format_name, options) == render(report, format_name, options)


def test_what_can_be_derived_is_not_believed() -> None:
    told = document(samples.failing())
    told["run"]["exit"] = 0
    told["run"]["complete"] = True
    told["summary"]["findings"]["error"] = 0
    told["findings"][0]["fingerprint"] = "0" * 32
    again = document(read_report(json.dumps(told)))
    assert again["run"]["exit"] == 1
    assert again == document(samples.failing())


def change(path: str, value: Any) -> str:
    """The sample's document with one member replaced (KeyError: removed)."""
    told: Any = document(samples.failing())
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    place = told
    for part in parents:
        place = place[part]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return json.dumps(told)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "report: schema is missing"),
        ("[" * 100_000, "not JSON"),
        ('{"schema": NaN}', "NaN is no JSON number"),
        (change("schema", "auditor/v2"), "this reads 'auditor/v1'"),
        (change("run/started", "yesterday"), "report.run.started"),
        (change("run/started", "2026-01-01T00:00:00"), "report.run.started"),
        (change("run/seconds", "1"), "report.run.seconds"),
        (change("run/exit_zero", 1), "report.run.exit_zero"),
        (change("run/notes", [1]), "report.run.notes"),
        (change("images", {}), "report.images"),
        (change("images/0", []), "report.images[0]: expected an object"),
        (change("images/0/reference", KeyError), "report.images[0]: reference is missing"),
        (change("images/0/verdict", "fine"), "report.images[0].verdict"),
        (change("images/0/digest", "sha256:00"), "report.images[0].digest"),
        (change("images/0/uses/0/line", "3"), "report.images[0].uses[0].line"),
        (change("images/0/uses/0/line", 2**60), "report.images[0].uses[0].line"),
        (change("images/0/uses/0/via", "magic"), "report.images[0].uses[0].via"),
        (change("images/0/signatures/0/status", "trusted"), "status 'trusted'"),
        (change("images/0/signatures/0/identity", None), "lacks an identity"),
        (change("images/0/signatures/1/step/name", "luck"), "step.name"),
        (change("findings/0/level", "fatal"), "report.findings[0].level"),
        (change("findings/5/waived", []), "report.findings[5].waived"),
        (change("skipped/0/why", 7), "report.skipped[0].why"),
    ],
)
def test_a_document_that_is_no_report_is_refused_with_the_field(text: str, message: str) -> None:
    with pytest.raises(InvalidReport) as caught:
        read_report(text)
    assert message in str(caught.value)


def test_unknown_fields_are_ignored() -> None:
    told: Any = document(samples.failing())
    told["added"] = told["run"]["added"] = told["images"][0]["added"] = 1
    assert document(read_report(json.dumps(told))) == document(samples.failing())
