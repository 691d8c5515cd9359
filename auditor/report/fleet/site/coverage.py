"""What governs how many images, and what the cluster's own policies say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from auditor.model.report import PolicyVerdict
from auditor.model.verdict import Verdict
from auditor.report.fleet.ledger import Ledger
from auditor.report.fleet.site.frame import foreign
from auditor.report.html.data import NAME

_ROWS: Final = 100


def coverage(ledger: Ledger) -> Iterator[str]:
    """Two tables; one that would be empty is left out."""
    verdicts = [verdict.value for verdict in sorted(Verdict, key=lambda v: v.severity)]
    yield from _table("coverage", "Coverage by rule", "Governed by", ledger.by_rule, verdicts)
    yield from _table(
        "policies",
        "Coverage by cluster policy",
        "Policy",
        ledger.by_policy,
        [verdict.value for verdict in PolicyVerdict],
    )


def _table(
    anchor: str, title: str, what: str, counted: Mapping[tuple[str, str], int], words: Sequence[str]
) -> Iterator[str]:
    """A row per name, a column per word that occurs, most images first."""
    if not counted:
        return
    totals = Counter[str]()
    for (name, _word), number in counted.items():
        totals[name] += number
    used = [word for word in words if any(told == word for _name, told in counted)]
    heads = "".join(f'<th class="num">{word}</th>' for word in ("images", *used))
    yield f'<section><h2 id="{anchor}">{title}</h2><div class="scroll"><table class="sheet"><thead><tr><th>{what}</th>{heads}</tr></thead><tbody>\n'
    for name, total in totals.most_common(_ROWS):
        cells = "".join(f'<td class="num">{counted.get((name, word), 0) or ""}</td>' for word in used)
        yield f'<tr><th scope="row">{foreign(name, NAME)}</th><td class="num">{total}</td>{cells}</tr>\n'
    yield "</tbody></table></div>"
    yield f'<p class="dim">and {len(totals) - _ROWS} more</p>' if len(totals) > _ROWS else ""
    yield "</section>\n"
