"""For a person at a terminal: the verdict first, the worst first; where, why, and what now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from auditor.model.evidence import Signed
from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.report import Exit, JudgedSignature, Report
from auditor.report.escape import cut, terminal_line, terminal_text
from auditor.report.grid import Palette, grid, labelled, wrap
from auditor.report.inventory import inventory
from auditor.report.options import RenderOptions
from auditor.report.view import Entry, Standing, View, view
from auditor.report.words import (
    count,
    headline,
    outcome,
    previous_words,
    reference_words,
    short_reference,
    signature_words,
    tally,
    waiver_words,
    workload_words,
)

_NARROWEST: Final = 40
_NAME: Final = 300
_SENTENCE: Final = 1500
_PLACES: Final = 3
_FOLDED: Final = 5

MARKS: Final = {
    Standing.FAILS: ("✗", "bold red"),
    Standing.INCOMPLETE: ("?", "bold yellow"),
    Standing.WARNS: ("!", "yellow"),
    Standing.WAIVED: ("~", "cyan"),
    Standing.PASSES: ("✓", "green"),
    Standing.UNASKED: ("·", "dim"),
}
_LEVELS: Final = {
    Level.ERROR: ("✗", "red"),
    Level.INCOMPLETE: ("?", "yellow"),
    Level.WARNING: ("!", "yellow"),
    Level.NOTE: ("·", "dim"),
    Level.OFF: ("·", "dim"),
}


def render(report: Report, options: RenderOptions) -> str:
    """The table, with a final newline."""
    palette, width = Palette(options.color), max(options.width, _NARROWEST)
    seen = view(report)
    listing = report.run.command == "images"
    parts = inventory(seen, width, palette, shown) if listing else _judged(seen, options, width, palette)
    text = "\n\n".join("\n".join(part) for part in parts if part)
    return "\n".join(terminal_line(line.rstrip()) for line in text.split("\n")) + "\n"


def shown(text: str, length: int = _SENTENCE) -> str:
    """A foreign string, bounded and escaped."""
    return terminal_text(cut(text, length))


def _judged(seen: View, options: RenderOptions, width: int, palette: Palette) -> Iterator[list[str]]:
    full = options.verbose or seen.report.run.command == "verify"
    told = [entry for entry in seen.gating if full or entry.standing is not Standing.PASSES or entry.further]
    yield _head(seen, width, palette)
    if len(seen.gating) > 1 or not told:
        yield _overview(seen, width, palette)
    for entry in told:
        yield _block(entry, full, width, palette)
    yield _findings(seen.loose, width, palette)
    yield _gaps(_untold(seen.report), options.verbose, width, palette)
    yield _foot(seen, width, palette)


def _head(seen: View, width: int, palette: Palette) -> list[str]:
    mark, style = {
        Exit.FINDINGS: ("✗", "bold red"),
        Exit.INCOMPLETE: ("?", "bold yellow"),
    }.get(seen.outcome, ("✓", "bold green"))
    run = seen.report.run
    about = [f"base {shown(run.base, 12)}"] if run.base else []
    about += [f"head {shown(run.head, 12) if run.head else 'working tree'}"] if run.base else []
    about += [f"trust {shown(t.name, 60)} ({shown(t.source, 80)}{_age(t.age_days)})" for t in run.trust]
    lines = [palette.paint(style, line) for line in wrap(f"{mark} {headline(seen)}", width)]
    lines += [palette.paint("dim", line) for line in wrap(", ".join(about), width)] if about else []
    return lines + [palette.paint("yellow", line) for note in run.notes for line in wrap(f"! {shown(note)}", width)]


def _age(days: int | None) -> str:
    return "" if days is None else f", {count(days, 'day')} old"


def _overview(seen: View, width: int, palette: Palette) -> list[str]:
    rows = []
    for entry in seen.gating:
        mark, style = MARKS[entry.standing]
        places = entry.places
        more = f" (+{len(places) - 1})" if len(places) > 1 else ""
        where = f"{shown(str(places[0]), _NAME)}{more}" if places else ""
        rows.append(
            [
                (style, f"{mark} {shown(entry.label, 80)}"),
                ("", shown(short_reference(entry.image.reference), _NAME)),
                ("cyan", where),
            ]
        )
    return grid(("VERDICT", "IMAGE", "WHERE"), rows, width, palette).split("\n") if rows else []


def _block(entry: Entry, full: bool, width: int, palette: Palette) -> list[str]:
    """One image: verdict and name, then what a reader needs to act."""
    mark, style = MARKS[entry.standing]
    image = entry.image
    title = f"{mark} {shown(entry.label, 80)}"
    name = wrap(shown(reference_words(image), _NAME), max(width - len(title) - 2, 16))
    lines = [f"{palette.paint(style, title)}  {palette.paint('bold', name[0])}"]
    lines += [" " * (len(title) + 2) + palette.paint("bold", line) for line in name[1:]]
    fields: list[tuple[str, list[tuple[str, str]]]] = [
        ("where", _where(entry)),
        ("was", [("", shown(previous_words(image)))] if image.previous else []),
        ("why", [("", shown(entry.why))] if entry.why else []),
        ("do", [("bold", shown(entry.help))] if entry.help and entry.standing is not Standing.PASSES else []),
        ("rule", [("", shown(image.rule))] if full and image.rule else []),
        ("digest", [("", str(image.digest))] if full and image.digest else []),
        ("waived", [("cyan", text) for text in _waivers(entry)]),
    ]
    for label, told in fields:
        lines += labelled(label, told, width, palette)
    for finding in entry.further:
        lines += _also(finding, width, palette)
    if full:
        lines += _evidence(entry, width, palette)
    return lines


def _where(entry: Entry) -> list[tuple[str, str]]:
    """The lines to edit; the base line second; the workload beside the first."""
    told: list[tuple[str, str]] = []
    met: set[str] = set()
    uses = {judged.use.place: judged.use for judged in reversed(entry.image.uses)}
    for place in entry.places[:_PLACES]:
        use = uses[place]
        text = "  ".join(part for part in (str(place), workload_words(use)) if part)
        told.append(("cyan", shown(text, _NAME)))
        if use.base and str(use.base) not in met:
            told.append(("dim", shown(f"overrides {use.base}", _NAME)))
            met.add(str(use.base))
    left = len(entry.places) - _PLACES
    return [*told, ("dim", f"and {count(left, 'more place')}")] if left > 0 else told


def _waivers(entry: Entry) -> list[str]:
    return list(dict.fromkeys(shown(f"[{f.rule}] {waiver_words(f)}") for f in entry.findings if not f.counts))


def _also(finding: Finding, width: int, palette: Palette) -> list[str]:
    if not finding.counts:
        return []
    mark, style = _LEVELS[finding.level]
    told = [(style, f"{mark} {shown(finding.rule, 80)}: {shown(finding.message)}")]
    return labelled("also", [*told, *([("", f"→ {shown(finding.help)}")] if finding.help else [])], width, palette)


def _evidence(entry: Entry, width: int, palette: Palette) -> list[str]:
    lines: list[str] = []
    for judged in entry.image.signatures:
        lines += _signature(judged, width, palette)
    for platform in entry.image.platforms:
        verdict = platform.verdict.value if platform.verdict else "not asked"
        text = f"{shown(platform.platform, 80)}  {platform.digest.short}  {verdict}"
        lines += labelled("on", [("", text)], width, palette)
    for policy in entry.image.policies:
        text = f"{policy.verdict.value}: {shown(policy.policy, 120)} ({shown(policy.file, 200)}) {shown(policy.why)}"
        lines += labelled("policy", [("", text)], width, palette)
    return lines


def _signature(judged: JudgedSignature, width: int, palette: Palette) -> list[str]:
    """A signature under the name of its form; its claims, since `auditor.yaml` can ask for each of them."""
    signature = judged.signature
    style = "green" if judged.allowed else "red" if judged.allowed is False else ""
    first, *rest = [shown(line) for line in signature_words(signature, judged.trust)]
    kind = (
        [f"{'attestation' if signature.attestation else 'signature'} of type {shown(signature.predicate, 200)}"]
        if (isinstance(signature, Signed) and signature.predicate)
        else []
    )
    claims = signature.identity.claims if isinstance(signature, Signed) else {}
    told = [(style, first), *(("dim", line) for line in (*rest, *kind))]
    told += [("dim", f"{shown(name, 80)}: {shown(value, 300)}") for name, value in sorted(claims.items())]
    told += [("red", f"not accepted: {shown(judged.why)}")] if judged.why else []
    return labelled(signature.form.value, told, width, palette)


def _findings(findings: tuple[Finding, ...], width: int, palette: Palette) -> list[str]:
    """What is about files, not images."""
    lines: list[str] = []
    for finding in findings:
        mark, style = _LEVELS[finding.level] if finding.counts else MARKS[Standing.WAIVED]
        about = f"{shown(finding.image, _NAME)}: " if finding.image and finding.image not in finding.message else ""
        head = f"{mark} {shown(finding.rule, 80)}"
        where = f"  {shown(str(finding.place), _NAME)}" if finding.place else ""
        lines.append(
            f"{palette.paint(style, head)}{palette.paint('cyan', where)}" if len(head + where) <= width else ""
        )
        if not lines[-1]:
            lines[-1:] = [palette.paint(style, head), *labelled("where", [("cyan", where.strip())], width, palette)]
        lines += labelled("why", [("", about + shown(finding.message))], width, palette)
        lines += labelled("do", [("bold", shown(finding.help))] if finding.help else [], width, palette)
        lines += labelled(
            "waived", [("cyan", shown(waiver_words(finding)))] if not finding.counts else [], width, palette
        )
    return lines


def _untold(report: Report) -> list[Gap]:
    """What was not read and is no finding: nothing that the change touches, or nothing that can hide an image."""
    told = {(finding.rule, finding.place) for finding in report.findings}
    return [gap for gap in report.gaps if (gap.rule, gap.place) not in told]


def _gaps(listed: list[Gap], full: bool, width: int, palette: Palette) -> list[str]:
    if not listed:
        return []
    lines = [palette.paint("dim", f"not read ({count(len(listed), 'place')}):")]
    for gap in listed if full else listed[:_FOLDED]:
        text = f"{shown(str(gap.place), _NAME)}  {shown(gap.what, 200)}: {shown(gap.why)}"
        lines += [f"  {line}" for line in wrap(text, max(width - 2, 16))]
    left = len(listed) - _FOLDED
    return [*lines, f"  and {left} more: --verbose lists them"] if left > 0 and not full else lines


def _foot(seen: View, width: int, palette: Palette) -> list[str]:
    kept, removed = len(seen.kept), len(seen.removed)
    beside = [f"{count(kept, 'image')} unchanged"] if kept else []
    beside += [f"{count(removed, 'image')} removed"] if removed else []
    lines = wrap(f"{tally(seen)}{'; ' if beside else ''}{', '.join(beside)}", width)
    style = {Exit.FINDINGS: "bold red", Exit.INCOMPLETE: "bold yellow"}.get(seen.outcome, "bold green")
    return [*lines, palette.paint(style, outcome(seen))]
