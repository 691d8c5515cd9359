"""Operators that OLM installs: what they are made of stands in a catalogue of the cluster, so it is a gap, never silence.

Source: operator-lifecycle-manager (Subscription), operator-controller (ClusterExtension).
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place

_HELP = "look at the bundle that the catalogue has (`opm render`), and waive this with a reason, or pin the version"


def operators_of(item: Object) -> Iterator[Gap]:
    """The gap of an object that installs an operator by its name in a catalogue."""
    spec = item.node.mapping("spec")
    match item.kind, item.group:
        case "Subscription", "operators.coreos.com":
            version = spec.text("startingCSV") or f"channel {spec.text('channel') or 'by default'}"
            edit = spec.scalar("startingCSV") or spec.scalar("channel") or spec.scalar("name")
            yield _gap(item, edit, spec.text("name"), version, f"catalogue {spec.text('source') or 'of the cluster'}")
        case "ClusterExtension", "olm.operatorframework.io":
            yield _extension(item, spec.mapping("source").mapping("catalog"))
        case _:
            return


def _extension(item: Object, catalog: Mapping) -> Gap:
    edit = catalog.scalar("version") or catalog.scalar("packageName")
    return _gap(item, edit, catalog.text("packageName"), catalog.text("version") or "any version", "catalogues")


def _gap(item: Object, edit: Scalar | None, name: str, version: str, where: str) -> Gap:
    why = f"{item.kind} {item.name} installs operator {name} ({version}) from the {where}: its images are unknown"
    place = edit.place() if edit else Place(item.file, item.line)
    return Gap(place, "operator", why, rule="unrendered", help=_HELP)
