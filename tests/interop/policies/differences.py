"""Where our reading says another thing than the engine, and why. What is not listed here must be equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from msgspec import Struct

from tests.interop.policies.tables import ACCEPTS, REFUSES, SILENT, UNKNOWN


class Difference(Struct, frozen=True):
    """Cells that differ for one reason: patterns of table, policies and workloads, what the engine says and what we say."""

    table: str
    policies: str
    workloads: str
    engine: str
    ours: str
    cause: str

    def covers(self, cell: Cell) -> bool:
        """Whether the cell is one of them."""
        return (
            fnmatchcase(cell.table, f"{self.table}*")
            and _any(self.policies, cell.policy)
            and _any(self.workloads, cell.workload)
            and (self.engine, self.ours) == (cell.engine, cell.ours)
        )


class Cell(Struct, frozen=True):
    """One policy, one workload, and what was said of it."""

    table: str
    policy: str
    workload: str
    engine: str
    ours: str
    words: tuple[str, str]

    @property
    def kinder(self) -> bool:
        """Whether we would let in what the engine keeps out."""
        return self.engine == REFUSES and self.ours in {ACCEPTS, SILENT}


def cells(told: Mapping[str, Any]) -> Iterator[Cell]:
    """Every cell of every table."""
    for table in told["tables"]:
        for policy, row in table["ours"].items():
            for workload, (ours, why) in row.items():
                engine, words = table["engine"][policy][workload]
                yield Cell(table["title"], policy, workload, engine, ours, (words, why))


def cause(cell: Cell) -> str | None:
    """Why this cell differs; None where that is not known."""
    return next((each.cause for each in DIFFERENCES if each.covers(cell)), None)


def _any(patterns: str, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns.split())


_MADE: Final = "the engine's word on a controller is about the controller alone; we judge it by the pods that it makes, which the engine sees too"
_TEMPLATE: Final = "whether the policy is about the pods depends on names and labels that they get from the controller; the engine looks at the controller alone"
_EMPTY: Final = "none of the pod's images matches, so the expression holds for an empty list; we say that the policy does not speak about them"
_NOTHING: Final = "nothing is verified, which Kyverno reports as a pass and we do not"
_LOG: Final = "without a log entry Kyverno asks the log for one, and refuses where it gets no answer; we ask no log"
_INVALID: Final = "`kyverno apply` leaves out a policy that its admission refuses (`rekor` without `url`); we call the policy not evaluable"
_KEYS: Final = "bundles beside attestors by key are not evaluated here"
_NOTES: Final = "annotations of bundles are not evaluated here"
_CONDITION: Final = "a condition on what the predicate does not hold is an error to Kyverno; to us it may be a variable that the cluster fills in"
_ONE_OF: Final = "of two statements of one type Kyverno reads one, in an order that nothing promises"
_CUE: Final = "policies in CUE are not evaluated here"
_WARN: Final = "`mode: warn` lets the image in with a warning; we say that the policy refuses it"

DIFFERENCES: Final[tuple[Difference, ...]] = (
    Difference("ClusterPolicy: logs", "log timestamp-and-log", "stamped", REFUSES, UNKNOWN, _LOG),
    Difference("ClusterPolicy: logs", "no-address", "*", SILENT, UNKNOWN, _INVALID),
    Difference("ClusterPolicy: what", "condition-missing", "provenance*", REFUSES, UNKNOWN, _CONDITION),
    Difference("ClusterPolicy: digests", "digest-of-anything pinned-by-nobody", "*", ACCEPTS, SILENT, _NOTHING),
    Difference("ClusterPolicy: which", "pods-by-* not-labelled", "d* cronjob job", SILENT, UNKNOWN, _TEMPLATE),
    Difference("ClusterPolicy: which", "all-kinds autogen-*", "d* cronjob job", SILENT, REFUSES, _MADE),
    Difference("ClusterPolicy: bundles", "key", "bundle-key", ACCEPTS, UNKNOWN, _KEYS),
    Difference("ImageValidatingPolicy: who", "key", "bundle-key", ACCEPTS, UNKNOWN, _KEYS),
    Difference("ImageValidatingPolicy: who", "key", "bundle* mixed", REFUSES, UNKNOWN, _KEYS),
    Difference(
        "ImageValidatingPolicy: who", "annotations", "bundle bundle-timed bundle-headless", REFUSES, UNKNOWN, _NOTES
    ),
    Difference("ImageValidatingPolicy: logs", "timestamp-and-log", "stamped", REFUSES, UNKNOWN, _LOG),
    Difference("ImageValidatingPolicy: what", "from-source", "provenance-two", REFUSES, UNKNOWN, _ONE_OF),
    Difference("ImageValidatingPolicy: names", "*", "*", ACCEPTS, SILENT, _EMPTY),
    Difference("ClusterImagePolicy: who", "mode-warn", "*", ACCEPTS, REFUSES, _WARN),
    Difference("ClusterImagePolicy: what", "cue", "provenance*", ACCEPTS, UNKNOWN, _CUE),
    Difference("ClusterImagePolicy: what", "cue", "provenance*", REFUSES, UNKNOWN, _CUE),
    Difference("ClusterImagePolicy: which", "pods", "deployment* cronjob", SILENT, REFUSES, _MADE),
    Difference("ClusterImagePolicy: which", "labelled either", "deployment* cronjob", SILENT, UNKNOWN, _TEMPLATE),
)
"""All of them."""
