"""What is put before an engine and before our reading of it: policies down, workloads across."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct, field

Document: TypeAlias = dict[str, Any]

ACCEPTS: Final = "accepts"
REFUSES: Final = "refuses"
SILENT: Final = "silent"
UNKNOWN: Final = "unknown"
"""What an engine, or our reading of it, says of one workload. Ours alone may be `unknown`."""


class Workload(Struct, frozen=True):
    """What is to be admitted: something that runs one image."""

    name: str
    image: str
    kind: str = "Pod"
    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    init: str = ""

    @property
    def api_version(self) -> str:
        """The API version of its kind."""
        return {"Pod": "v1", "CronJob": "batch/v1", "Job": "batch/v1"}.get(self.kind, "apps/v1")

    @property
    def document(self) -> Document:
        """The manifest."""
        spec: Document = {"containers": [{"name": "main", "image": self.image}]}
        if self.init:
            spec["initContainers"] = [{"name": "first", "image": self.init}]
        metadata = {"name": self.name, "namespace": self.namespace, "labels": dict(self.labels)}
        body: Document = {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}
        match self.kind:
            case "Pod":
                body = spec
            case "CronJob":
                body = {"schedule": "0 0 * * *", "jobTemplate": {"spec": body}}
            case "Deployment":
                body["selector"] = {"matchLabels": {"app": "web"}}
            case _:
                pass
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, "spec": body}


class Table(Struct, frozen=True):
    """One table. `policies` by their name in `metadata`; `others` are documents that they refer to.

    `alone`: each policy is put before the engine by itself, for it changes what the next one would see.
    """

    title: str
    text: str
    columns: Sequence[Workload]
    policies: Mapping[str, Document]
    others: Sequence[Document] = ()
    alone: bool = False


def written(documents: Sequence[Document]) -> str:
    """Documents as one YAML text; JSON is YAML."""
    return "---\n".join(f"{json.dumps(each, indent=1)}\n" for each in documents)
