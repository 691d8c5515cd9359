"""What deploys: kustomizations nobody loads, charts, and manifests that neither loads.

Circles that nobody enters are entered at their first directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from auditor.manifests.kustomize.kustomization import Kustomization
from auditor.manifests.reach.survey import Near, Survey, reached
from auditor.model.gap import Gap


class Entries(Struct, frozen=True):
    """Entry points of a tree: directories of kustomizations and charts, and the files that may be loose manifests."""

    roots: tuple[str, ...]
    others: tuple[str, ...]
    """Kustomizations that some root loads."""
    charts: tuple[str, ...]
    files: tuple[str, ...]
    claims: Mapping[str, frozenset[str]]
    """Directories of the kustomizations that load a file, by the file's path: those that are chosen, and what these load."""
    chart_files: tuple[str, ...]
    templates: frozenset[str] = frozenset()
    """Files among `files` that a library chart may mean as templates: what does not parse in them is no manifest."""
    gaps: tuple[Gap, ...] = ()
    affected: frozenset[str] | None = None
    """Kustomizations whose objects may differ; None where everything is read."""
    kustomizations: Mapping[str, Kustomization] = field(default_factory=dict)
    """Every kustomization of the tree by its directory, those that are left out among them."""
    links: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The directories that each kustomization loads."""
    beside: frozenset[str] | None = None
    """Of the files in these directories alone it is known what loads them; None: of all."""
    near: Near | None = None
    """What finds the roots and others that matter to no change, where they are not among these."""

    def load(self, directory: str, left: frozenset[str]) -> bool:
        """Whether a kustomization is loaded by a root that is `left` out, or by one that is not even among these."""
        if self.affected is None or directory in self.affected:
            return False  # what loads it is affected too
        if self.near is None:
            return directory in reached(self.links, left)
        above = self.near.above([directory])
        if not above.isdisjoint(left):
            return True
        roots = _roots({each: self.links[each] & above for each in above}, frozenset())
        return not roots <= {*self.roots, *self.others}


def entries(found: Survey, before: Iterable[str] = (), affected: frozenset[str] | None = None) -> Entries:
    """Entry points of a tree. `before`: those of base, which stay entry points as long as they are kustomizations."""
    mine = frozenset(found.mine)
    roots = _roots({directory: found.links[directory] & mine for directory in found.mine}, frozenset(before))
    return Entries(
        tuple(sorted(roots)),
        tuple(directory for directory in found.mine if directory not in roots),
        found.charts,
        found.files,
        found.claims,
        found.chart_files,
        found.templates,
        found.gaps,
        affected,
        found.kustomizations,
        found.links,
        found.beside,
        found.near,
    )


def _roots(links: Mapping[str, frozenset[str]], before: frozenset[str]) -> set[str]:
    loaded = {target for targets in links.values() for target in targets}
    roots = {directory for directory in links if directory not in loaded or directory in before}
    known = reached(links, roots)
    for directory in sorted(links):
        if directory not in known:
            roots.add(directory)
            known |= reached(links, {directory})
    return roots
