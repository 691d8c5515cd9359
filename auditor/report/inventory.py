"""The table of `auditor images`: what each root deploys. Nothing in it was judged."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from auditor.model.gap import Gap
from auditor.model.report import JudgedUse
from auditor.report.grid import Palette, grid, wrap
from auditor.report.view import View
from auditor.report.words import count, short_reference, workload_words

_NAME: Final = 300


def inventory(seen: View, width: int, palette: Palette, shown: Callable[..., str]) -> Iterator[list[str]]:
    """A section per root, loose manifests last; then what could not be read; then the sum."""
    uses = sorted((use for image in seen.report.images for use in image.uses), key=_order)
    roots = {root: list(group) for root, group in itertools.groupby(uses, key=lambda judged: judged.use.root)}
    for root, group in roots.items():
        yield _section(root, group, width, palette, shown)
    yield _gaps(seen.report.gaps, width, palette, shown)
    where = f" in {count(sum(root is not None for root in roots), 'root')}" if any(roots) else ""
    images, places = len(seen.report.images), count(len(uses), "place")
    yield [
        palette.paint("bold", f"{count(images, 'image')}{where}, {places}" if images else "no image reference found")
    ]


def _gaps(gaps: tuple[Gap, ...], width: int, palette: Palette, shown: Callable[..., str]) -> list[str]:
    """All of them: what hides images is half of an inventory."""
    lines = [palette.paint("yellow", f"not read ({count(len(gaps), 'place')}):")] if gaps else []
    for gap in gaps:
        text = f"{shown(str(gap.place), _NAME)}  {shown(gap.what, 200)}: {shown(gap.why)}"
        lines += [f"  {line}" for line in wrap(text, width - 2)]
    return lines


def _order(judged: JudgedUse) -> tuple[object, ...]:
    use = judged.use
    return (use.root is None, use.root or "", use.reference, use.place)


def _section(
    root: str | None, uses: list[JudgedUse], width: int, palette: Palette, shown: Callable[..., str]
) -> list[str]:
    title = "loose manifests" if root is None else f"root {shown(root, _NAME)}"
    if any(judged.use.superset for judged in uses):
        title += " (read without kustomize: all its images, and maybe some too many)"
    rows = []
    previous = ""
    for judged in uses:
        use = judged.use
        name = "" if use.reference == previous else shown(short_reference(use.reference), _NAME)
        previous = use.reference
        style = "" if use.deployed else "dim"
        where = shown(str(use.place), _NAME)
        rows.append([(style, name), ("cyan", where), ("dim", shown(workload_words(use), _NAME))])
    return [palette.paint("bold", title), *grid(("IMAGE", "WHERE", "WORKLOAD"), rows, width, palette).split("\n")]
