"""A saved result is read back within bounds, and believed as little as it can be."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.report import Exit
from auditor.publish.result import read_result
from auditor.report.json_v1 import document
from auditor.report.render import render
from tests.support import samples

NOW = samples.STARTED + timedelta(minutes=5)


def save(tmp_path: Path, text: str) -> str:
    file = tmp_path / "result.json"
    file.write_text(text)
    return str(file)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    report = samples.failing()
    assert document(read_result(save(tmp_path, render(report, "json")), DEFAULT, NOW)) == document(report)


def test_the_exit_status_is_not_what_the_file_says(tmp_path: Path) -> None:
    told = json.loads(render(samples.failing(), "json"))
    told["run"].update(exit=0, complete=True)
    told["summary"]["findings"] = {}
    assert read_result(save(tmp_path, json.dumps(told)), DEFAULT, NOW).exit is Exit.FINDINGS


def test_a_run_that_lies_ahead_began_now(tmp_path: Path) -> None:
    text = render(replace(samples.clear(), run=samples.run()), "json").replace("2026-11-20T", "2999-11-20T")
    assert read_result(save(tmp_path, text), DEFAULT, NOW).run.started == NOW


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = save(tmp_path, render(samples.clear(), "json"))
    size = Path(path).stat().st_size
    read_result(path, replace(DEFAULT, result_bytes=size), NOW)
    with pytest.raises(UsageError, match="larger than"):
        read_result(path, replace(DEFAULT, result_bytes=size - 1), NOW)


@pytest.mark.parametrize("name", ["none.json", ".", "a\0b"])
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        read_result(os.path.join(tmp_path, name), DEFAULT, NOW)  # noqa: PTH118 - Path would refuse the null byte
