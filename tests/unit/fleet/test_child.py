"""The process that asks: started early where it will be needed, and never left behind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from auditor.fleet.engines.child import Child

_LOADED = """\
import sys
import auditor.fleet.engines.asking
sys.stdout.write("\\n".join(sys.modules))
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    monkeypatch.setattr(Child, "is_worthwhile", True)
    return Child({})


def test_it_ends_with_whoever_has_started_it(child: Child) -> None:
    with child:
        child.expect(1000)
        process = child.started()
        assert process is not None
        assert process.poll() is None
    assert process.poll() is not None
    assert child.started() is None, "nor does another begin"


def test_few_trees_start_none(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("it is started")

    with child:
        monkeypatch.setattr(subprocess, "Popen", refuse)
        child.expect(100)
        with pytest.raises(AssertionError, match="it is started"):
            child.expect(101)
        monkeypatch.setattr(Child, "is_worthwhile", False)
        child.expect(101)


def test_after_one_that_is_gone_another_can_be_started(child: Child) -> None:
    with child:
        first = child.started()
        assert first is not None
        child.clear()
        assert first.poll() is not None
        second = child.started()
        assert second is not None
        assert second.pid != first.pid


def test_whoever_asks_loads_no_reading_of_trees() -> None:
    loaded = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.splitlines())
    assert "auditor.fleet.work" in modules
    unwanted = (
        "auditor.reading",
        "auditor.enforcement",
        "auditor.manifests.inventory",
        "auditor.fleet.trees",
        "yaml",
        "git",
    )
    assert modules.isdisjoint(unwanted)
