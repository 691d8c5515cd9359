"""JUnit XML, as GitLab, Jenkins and Gitea read it: one test case per use of an image that decides.

A violation is a failure, what could not be judged is an error, what is waived or was only listed is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from msgspec import Struct

from auditor.model.finding import Finding, Level
from auditor.model.report import Change, JudgedUse, Report
from auditor.report.escape import cut, xml_text
from auditor.report.options import RenderOptions
from auditor.report.view import Entry, View, view
from auditor.report.words import fails, waiver_words, workload_words

_TEXT: Final = 4096


class Case(Struct, frozen=True):
    """One test case: `result` is `failure`, `error`, `skipped`, or None where it passes."""

    name: str
    file: str
    result: str | None
    kind: str
    message: str
    body: str


def render(report: Report, _options: RenderOptions) -> str:
    """The document, with a declaration and a final newline."""
    seen = view(report)
    cases = [case for entry in seen.gating for case in _image_cases(seen, entry)]
    cases += [_file_case(seen, finding) for finding in seen.loose if finding.level is not Level.OFF]
    cases += [_kept_case(entry) for entry in seen.kept if not seen.compared]
    return document(cases, report.run.seconds)


def document(cases: Sequence[Case], seconds: float) -> str:
    """These cases as one suite."""
    results = [case.result for case in cases]
    totals = {
        "name": "auditor",
        "tests": str(len(cases)),
        "failures": str(results.count("failure")),
        "errors": str(results.count("error")),
        "skipped": str(results.count("skipped")),
        "time": f"{seconds:.3f}",
    }
    suites = ET.Element("testsuites", totals)
    suite = ET.SubElement(suites, "testsuite", totals)
    for case in cases:
        _add(suite, case)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _add(suite: ET.Element, case: Case) -> None:
    attributes = {"name": case.name, "classname": case.file.replace("/", ".") or "auditor", "file": case.file}
    node = ET.SubElement(suite, "testcase", {key: _clean(value) for key, value in attributes.items() if value})
    if case.result is None:
        return
    detail = {"message": _clean(case.message)}
    if case.result != "skipped":
        detail["type"] = _clean(case.kind)
    result = ET.SubElement(node, case.result, detail)
    result.text = "\n".join(_clean(line) for line in case.body.split("\n")) if case.body else None


def _clean(text: str) -> str:
    return xml_text(cut(text, _TEXT))


def _image_cases(seen: View, entry: Entry) -> list[Case]:
    uses = [use for use in entry.image.uses if use.change in {None, Change.ADDED}]
    return [_use_case(seen, entry, use) for use in uses] or [_bare_case(seen, entry)]


def _use_case(seen: View, entry: Entry, judged: JudgedUse) -> Case:
    use = judged.use
    mine = [f for f in entry.findings if (f.root, f.owner) == (use.root, use.owner)] or list(entry.findings)
    where = workload_words(use)
    return _case(seen, entry, mine, f"{use.reference} ({where})" if where else use.reference, use.place.file)


def _bare_case(seen: View, entry: Entry) -> Case:
    return _case(seen, entry, list(entry.findings), entry.image.reference, "")


def _case(seen: View, entry: Entry, findings: list[Finding], name: str, file: str) -> Case:
    verdict = entry.image.verdict.value if entry.image.verdict else "not judged"
    counting = [f for f in findings if f.counts and f.level is not Level.OFF]
    body = "\n".join(_sentence(finding) for finding in findings)
    if failing := next((f for f in counting if fails(seen, f)), None):
        return Case(name, file, "failure", failing.rule, failing.message, body)
    if blind := next((f for f in counting if f.level is Level.INCOMPLETE), None):
        return Case(name, file, "error", blind.rule, blind.message, body)
    if findings and not counting:
        return Case(name, file, "skipped", "", waiver_words(findings[0]), body)
    if entry.image.verdict is None:
        return Case(name, file, "skipped", "", verdict, body)
    return Case(name, file, None, "", "", "")


def _file_case(seen: View, finding: Finding) -> Case:
    file = finding.place.file if finding.place else ""
    name = f"{finding.rule}: {finding.image or finding.place or 'run'}"
    if not finding.counts:
        return Case(name, file, "skipped", "", waiver_words(finding), _sentence(finding))
    if finding.level is Level.INCOMPLETE:
        return Case(name, file, "error", finding.rule, finding.message, _sentence(finding))
    if fails(seen, finding):
        return Case(name, file, "failure", finding.rule, finding.message, _sentence(finding))
    return Case(name, file, None, "", "", "")


def _kept_case(entry: Entry) -> Case:
    use = entry.first_use
    return Case(entry.image.reference, use.use.place.file if use else "", "skipped", "", "not judged", "")


def _sentence(finding: Finding) -> str:
    """One line that starts with a word of ours: the newlines between sentences are the only ones in a body."""
    where = f"{finding.place}: " if finding.place else ""
    return xml_text(f"{finding.level} [{finding.rule}] {where}{finding.message} → {finding.help}")
