"""The references of an object → its uses and gaps, with what the charts that it deploys make."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from auditor.manifests.contents import templated
from auditor.manifests.extract.extract import extract, is_policy
from auditor.manifests.extract.found import Found
from auditor.manifests.files import Reader
from auditor.manifests.graph.graph import is_deployer
from auditor.manifests.helm.deploy import Deployed
from auditor.manifests.helm.held import held
from auditor.manifests.helm.needs import Lookup
from auditor.manifests.kustomize.gaps import unrendered
from auditor.manifests.nodes import scalars
from auditor.manifests.objects import Object
from auditor.manifests.rendering import Rendering
from auditor.manifests.result import MadeDeployer
from auditor.manifests.text import is_bare_number, is_template
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.model.use import Use

_MAKES: Final = re.compile(r"\.(?:generate|mutate)\.|^spec\.(?:mutations|generate)\[")
"""Where a policy does not judge images but brings them."""


class Uses(Struct, frozen=True):
    """Makes the uses of objects. `every`: also of what nothing deploys."""

    reader: Reader
    rendering: Rendering
    every: bool

    def made(self, item: Object, root: str | None, depth: int) -> tuple[list[Use], list[Gap]]:
        """The uses of an object of a chart."""
        references = extract(item, self.reader.kinds)
        lookup = self.rendering.lookup(())
        return self.of(item, references, root, deployed=True, lookup=lookup, depth=depth)

    def of(
        self,
        item: Object,
        found: list[Found],
        root: str | None,
        *,
        deployed: bool,
        lookup: Lookup,
        depth: int = 0,
    ) -> tuple[list[Use], list[Gap]]:
        """The uses of one object. Patterns in policies and what says no kind are deployed by nothing."""
        if is_policy(item, self.reader.kinds):
            making = [one for one in found if _MAKES.search(one.path) or _has_variables(item, one)]
            makes = bool(making) or any(True for _ in held(item))
            found, deployed = (making, deployed) if makes and not self.every else (found, False)
        if not (deployed or self.every):
            return [], []
        found = found if self.every else [one for one in found if one.deployed]
        uses = [use_of(one, item, root, deployed=deployed and one.deployed) for one in found]
        gaps = templates((one for one in found if one.deployed), root) if deployed else []
        if not deployed:
            return uses, gaps
        charts = list(self.rendering.charts.of(item, lookup))
        if depth and not charts and is_deployer(item):
            gaps.append(_made_deployer(item, root))
        if any(made.objects for made in charts) and not any(made.gaps for made in charts):
            # What is rendered says it all: values by themselves may make other images, or none.
            uses, gaps = [dataclasses.replace(use, deployed=False) for use in uses if self.every], []
        for made in charts:
            inner = _root_of(made, item, root)
            gaps.extend(replace(gap, root=inner) for gap in made.gaps)
            if depth >= self.reader.limits.render_depth and made.objects:
                why = f"charts deploy charts more than {self.reader.limits.render_depth} deep"
                gaps.append(unrendered(Place(item.file, item.line), "helm chart", why))
                continue
            for each in made.objects:
                more, holes = self.made(each, inner, depth + 1)
                uses.extend(more)
                gaps.extend(holes)
        return uses, gaps


def _has_variables(item: Object, one: Found) -> bool:
    """Whether it stands in a variable of a policy that makes or changes objects, and none that only judges."""
    return one.path.startswith("spec.variables[") and ("Generating" in item.kind or "Mutating" in item.kind)


def _made_deployer(item: Object, root: str | None) -> MadeDeployer:
    spec = item.node.get("spec")
    said = "\n".join(scalar.text for scalar in scalars(spec)) if spec is not None else ""
    return MadeDeployer(
        Place(item.file, item.line),
        "deployer in a chart",
        f"the chart makes the {item.kind} {item.name}, and what that deploys was not followed",
        "unrendered",
        root,
        "Look at what it deploys now, or write it as a file of its own beside the chart.",
        text=said,
    )


def _root_of(made: Deployed, item: Object, root: str | None) -> str | None:
    """What deploys the objects of a chart: each Application is a root of its own, below what deploys it."""
    if not made.objects:
        return root
    above = root or item.file
    return f"{above}/{made.name}" if made.name else above


def templates(found: Iterable[Found], root: str | None) -> list[Gap]:
    """A gap for each reference that is filled in later."""
    return [replace(templated(one, one.scalar.place(one.path)), root=root) for one in found if is_template(one.text)]


def use_of(found: Found, item: Object | None, root: str | None, *, deployed: bool = True) -> Use:
    """What was found in an object, as a use."""
    scalar = found.scalar
    return Use(
        found.text,
        scalar.place(found.path),
        item.workload() if item else None,
        found.container,
        root,
        scalar.via,
        scalar.base,
        deployed,
        found.confidence,
        found.sort,
        scalar.overrides if found.text == scalar.text else None,
        is_bare_number(scalar.text) and not scalar.quoted,
    )
