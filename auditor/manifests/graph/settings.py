"""Values that Flux fills in: from a Kustomization itself, and from ConfigMaps and Secrets of the tree.

Several clusters of one tree hold settings under the same name. Those count that are nearest to what deploys: the longest
common path. Where that does not decide, each of them may be meant, and each makes a set of values.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from collections.abc import Mapping as Values
from itertools import islice, product

from msgspec import Struct, field
from msgspec.structs import replace

from auditor.manifests.files import Reader
from auditor.manifests.holding import holding, may_say
from auditor.manifests.kustomize.generate import generated
from auditor.manifests.kustomize.kustomization import Kustomization
from auditor.manifests.nodes import Mapping, Scalar
from auditor.manifests.objects import Object, objects
from auditor.model.gap import Gap
from auditor.model.place import Place

_KINDS = ("ConfigMap", "Secret")
_LOOKED_FOR = (b"ConfigMap", b"Secret", b"ArtifactGenerator")
_ENCRYPTED = "ENC["


class Settings(Struct):
    """ConfigMaps and Secrets of one tree, found when they are first asked for, and values of the rules."""

    reader: Reader
    kustomizations: tuple[Kustomization, ...] = ()
    given: Values[str, Values[str, str]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    _found: dict[tuple[str, str], list[tuple[str, dict[str, Scalar]]]] = field(default_factory=dict)
    _candidates: dict[str, bytes] | None = None

    def of(self, item: Object, root: str, above: Values[str, Scalar] | None) -> Iterator[Values[str, Scalar] | None]:
        """The sets of values that a Flux Kustomization in `root` may get; None where it fills in nothing.

        `above`: the values of what deploys the Kustomization. Of them only those of the rules reach further down.
        """
        build = item.node.mapping("spec").get("postBuild")
        inherited = {name: value for name, value in (above or {}).items() if not value.file}
        named = inherited | self.named(root) | self.named(item.file)
        if not isinstance(build, Mapping):
            yield named or None
            return
        choices = [
            self._choices(reference, item, root)
            for reference in build.items("substituteFrom")
            if isinstance(reference, Mapping)
        ]
        own = {
            name: replace(value, key_path=f"spec.postBuild.substitute.{name}")
            for name, value in build.mapping("substitute").entries
            if isinstance(value, Scalar) and not value.null
        }
        for chosen in islice(product(*choices), self.reader.limits.substitutions):
            values = dict(named)
            for one in chosen:
                values |= one
            yield values | own

    def named(self, path: str) -> dict[str, Scalar]:
        """`manifests.substitute` of the rules for a root or file: entries of directories above it, the nearest last.

        They have no place: the line to edit stays the one that names the variable.
        """
        values: dict[str, Scalar] = {}
        for directory in sorted(self.given, key=len):
            top = directory.strip("/") or "."
            if top in (".", path) or path.startswith(f"{top}/"):
                values |= {name: Scalar(text, "", 0, 0) for name, text in self.given[directory].items()}
        return values

    def _choices(self, reference: Mapping, item: Object, root: str) -> list[dict[str, Scalar]]:
        kind, name = reference.text("kind"), reference.text("name")
        if kind not in _KINDS or not name:
            return [{}]
        held = self._held(kind, name)
        if not held:
            return [{}]
        best = max(nearness(path, root, item.file) for path, _ in held)
        return [values for path, values in held if nearness(path, root, item.file) == best]

    def _held(self, kind: str, name: str) -> list[tuple[str, dict[str, Scalar]]]:
        key = kind, name
        if key not in self._found:
            self._found[key] = [*self._written(kind, name), *self._generated(kind, name)]
        return self._found[key]

    def _written(self, kind: str, name: str) -> Iterator[tuple[str, dict[str, Scalar]]]:
        for item in self.objects(kind, name):
            if item.name == name:
                yield item.file, dict(self._values(item, encoded=kind == "Secret"))

    def objects(self, kind: str, word: str) -> Iterator[Object]:
        """The objects of a kind in files that hold a word: ConfigMaps, Secrets and ArtifactGenerators."""
        for path, content in self._files().items():
            if not may_say(content, (word.encode("utf-8", "surrogatepass"),)):
                continue
            for document in self.reader.documents(path):
                if isinstance(document, Mapping):
                    yield from (item for item in objects(document, path) if item.kind == kind)

    def _files(self) -> dict[str, bytes]:
        if self._candidates is None:
            self._candidates = holding(self.reader, _LOOKED_FOR)
        return self._candidates

    def _generated(self, kind: str, name: str) -> Iterator[tuple[str, dict[str, Scalar]]]:
        key = "configMapGenerator" if kind == "ConfigMap" else "secretGenerator"
        for kustomization in self.kustomizations:
            if not any(entry.text("name") == name for entry, _ in kustomization.entries(key)):
                continue
            for item in generated(self.reader, kustomization, []):
                if item.kind == kind and item.name == name:
                    yield kustomization.path, dict(self._values(item, encoded=False))

    def _values(self, item: Object, *, encoded: bool) -> Iterator[tuple[str, Scalar]]:
        for key in ("data", "stringData"):
            for name, value in item.node.mapping(key).entries:
                if not isinstance(value, Scalar) or value.null:
                    continue
                if value.text.startswith(_ENCRYPTED):
                    self._encrypted(item)
                    continue
                text = _decoded(value.text) if encoded and key == "data" else value.text
                yield name, replace(value, text=text, key_path=value.key_path or f"{item.prefix}{key}.{name}")

    def _encrypted(self, item: Object) -> None:
        why = f"{item.kind} {item.name} is encrypted (SOPS): references that its values are filled in to are unknown"
        gap = Gap(Place(item.file, item.line), "encrypted settings", why)
        if gap not in self.gaps:
            self.gaps.append(gap)


def nearness(path: str, root: str, file: str) -> int:
    """How many directories a path has in common with what deploys it: its root, or its own file."""
    return max(_common(path, f"{root}/x" if root != "." else "x"), _common(path, file))


def _common(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if left != right:
            break
        count += 1
    return count


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=False).decode("utf-8", "replace").strip()
    except (binascii.Error, ValueError):
        return text
