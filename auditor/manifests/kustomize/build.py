"""A kustomization → the objects that it deploys, in kustomize's own order.

    1. resources and bases, then what `configurations:` say of them, generators and charts, components (each on all that is
       loaded so far)
    2. patchesStrategicMerge, patches
    3. namespace, name prefix and suffix
    4. patchesJson6902
    5. images
    6. replacements
    7. transformers as objects
    8. of the whole: what is for kustomize alone is left out, variables are filled in

Source: sigs.k8s.io/kustomize/api/internal/target (accumulateTarget, configureBuiltinTransformers) of v5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Protocol, Self, TypeAlias

from msgspec import Struct, field

from auditor.limits import DEFAULT, Limits
from auditor.manifests.contents import unparsable
from auditor.manifests.files import OutOfTree, Reader
from auditor.manifests.kustomize.built import Built, Keep, Made, built_of
from auditor.manifests.kustomize.finish import finish
from auditor.manifests.kustomize.gaps import CYCLE, chart_gap, why_missing
from auditor.manifests.kustomize.generate import generated
from auditor.manifests.kustomize.images import add_fields
from auditor.manifests.kustomize.kustomization import (
    CHART_GENERATOR,
    Kustomization,
    find,
    is_fetched,
    is_remote,
    join,
    read,
)
from auditor.manifests.kustomize.schema import schema_of
from auditor.manifests.kustomize.state import State
from auditor.manifests.kustomize.texts import either
from auditor.manifests.kustomize.transform import again, configure, plugin, transform
from auditor.manifests.nodes import Mapping, Node, Scalar
from auditor.manifests.objects import Object
from auditor.model.gap import Gap
from auditor.model.place import Place


class Spares(Protocol):
    """What of a kustomization need not be built (`auditor.manifests.reach.spare`)."""

    def below(self, kustomization: Kustomization) -> Self | None:
        """This, where what the kustomization loads may be left out; None where all of it is built."""
        ...

    def leaves_file(self, path: str) -> bool:
        """Whether a file that is loaded is left out."""
        ...

    def leaves_directory(self, directory: str) -> bool:
        """Whether a kustomization that is loaded is left out."""
        ...


Inflate: TypeAlias = Callable[[Kustomization, Mapping, str], "list[Object] | Gap"]


_WHOLE: Final = "\0whole"
"""What tells what is deployed by itself from what something loads."""
_SPARED: Final = "\0spared"
"""What tells what was built in part from what a deployer puts on top, whose identities are printable."""


def _unknown_chart(kustomization: Kustomization, chart: Mapping, key_path: str) -> Gap:
    return chart_gap(chart, Place(kustomization.path, chart.line, 1, key_path))


class Builder(Struct):
    """Builds kustomizations of one tree; what several roots load is built once."""

    reader: Reader
    limits: Limits = DEFAULT
    inflate: Inflate = _unknown_chart
    """Makes the objects of a chart, or says why it cannot."""
    _given: tuple[str, Mapping] | None = None
    """What a deployer says to the charts of all that it builds, with what tells it from others."""
    _keep: Keep = field(default_factory=Keep)
    _inflated: int = 0
    """How often a chart was inflated: what that makes depends on more than what is looked at here."""

    def build(self, directory: str, stack: tuple[str, ...] = (), spare: Spares | None = None) -> Built:
        """The objects of the kustomization in `directory`. `stack` are those that are loading it.

        `spare`: what may be left out, the same one in all calls.
        """
        given = f"\0{self._given[0]}" if self._given else None
        whole = "" if stack else _WHOLE
        key = (directory, f"{whole}{(given or '') if spare is None else _SPARED}")
        way = self._among(whole) if spare is None else None
        known = self._keep.get(key, way, self.reader)
        if known is None:
            inflated = self._inflated
            with self.reader.tracing() as seen:
                state = State(self.reader)
                self._run(directory, state, stack, spare)
                if not stack:
                    finish(state)
            known = Made(built_of(state), seen, inflates=self._inflated != inflated)
            # What is cut short because of who loads it must not serve others.
            if not any(gap.what == CYCLE for gap in known.built.gaps):
                self._keep.add(key, known, way, self.reader)
        return self._noted(known)

    def deployed(
        self,
        directory: str,
        identity: str,
        where: Place,
        on: Callable[[Kustomization | None], Kustomization],
        charts: Mapping,
    ) -> Built:
        """The objects of a directory as something deploys it; `on` makes the kustomization of the directory's own.

        `identity` tells this way of deploying it from others, `where` those that say the same in another place; `charts` counts
        for charts that do not say it themselves.
        """
        key = (directory, identity)
        way = self._among(f"{identity} {where}")
        known = self._keep.get(key, way, self.reader)
        if known is None:
            inflated = self._inflated
            with self.reader.tracing() as seen:
                state = State(self.reader)
                path = self._path(directory, state, ())
                own = read(self.reader, directory, path) if path is not None else None
                before, self._given = self._given, (identity, charts) if charts.entries else None
                kustomization = on(own)
                self._make(kustomization, state, (directory,))
                if own is not None:
                    finish(state)
                self._given = before
            known = Made(built_of(state), seen, inflates=self._inflated != inflated)
            self._keep.add(key, known, way, self.reader)
        return self._noted(known)

    def _among(self, way: str) -> str:
        """A way of building, told from others by all that counts for every kustomization."""
        return f"{way}|{self.reader.filtered}{self.reader.kinds.identity}{self.limits}"

    def _noted(self, known: Made) -> Built:
        self.reader.note(known.seen)
        self._inflated += known.inflates
        return known.built

    def _run(self, directory: str, state: State, stack: tuple[str, ...], spare: Spares | None = None) -> None:
        """One kustomization on what is loaded so far: nothing, or all that its parent has where it is a component."""
        path = self._path(directory, state, stack)
        if path is None:
            return
        self._make(read(self.reader, directory, path), state, (*stack, directory), spare)

    def _make(
        self, kustomization: Kustomization, state: State, within: tuple[str, ...], spare: Spares | None = None
    ) -> None:
        for problem in kustomization.problems:
            state.incomplete = True
            state.gaps.append(unparsable(Place(kustomization.path, problem.line), f"not YAML: {problem.why}"))
        state.schemas = state.schemas or schema_of(self.reader, kustomization)
        spare = spare and spare.below(kustomization)
        for item, key_path in kustomization.names("resources", "bases"):
            self._load(kustomization, item, key_path, state, within, spare=spare)
        configure(self.reader, kustomization, state)
        state.objects = generated(self.reader, kustomization, state.objects)
        self._charts(kustomization, state)
        self._plugins("generators", kustomization, state, within)
        for item, key_path in kustomization.names("components"):
            self._component(kustomization, item, key_path, state, within)
        transform(self.reader, kustomization, state)
        self._plugins("transformers", kustomization, state, within)
        state.variables.extend(entry for entry, _ in kustomization.entries("vars"))

    def _path(self, directory: str, state: State, stack: tuple[str, ...]) -> str | None:
        here = Place(join(directory, "kustomization.yaml"))
        if directory in stack:
            chain = " → ".join((*stack[stack.index(directory) :], directory))
            state.missing(here, CYCLE, f"they load each other: {chain}")
            return None
        if len(stack) >= self.limits.kustomize_depth:
            why = f"more than {self.limits.kustomize_depth} kustomizations load each other"
            state.missing(here, CYCLE, why)
            return None
        try:
            return find(self.reader, directory)
        except OutOfTree as error:
            state.missing(here, "symlink out of the tree", str(error))
            return None

    def _load(
        self,
        kustomization: Kustomization,
        item: Scalar,
        key_path: str,
        state: State,
        stack: tuple[str, ...],
        *,
        spare: Spares | None,
    ) -> None:
        """A file, a directory with a kustomization, or something that is not in the tree."""
        if is_fetched(item.text):
            state.missing(item.place(key_path), "remote base", why_missing(item.text, None))
            return
        target = join(kustomization.directory, item.text)
        try:
            path = self.reader.resolve(target)
            directory = self.reader.directory(target) if path is None else None
            if path is not None:
                if spare is not None and spare.leaves_file(path):
                    state.partial = True
                else:
                    state.load(path)
                return
            if directory is not None and find(self.reader, directory) is not None:
                if spare is not None and spare.leaves_directory(directory):
                    state.partial = True
                else:
                    self._base(self.build(directory, stack, spare), state)
                return
        except OutOfTree as error:
            state.missing(item.place(key_path), "symlink out of the tree", str(error))
            return
        what = "remote base" if is_remote(item.text) else "missing resource"
        state.missing(item.place(key_path), what, why_missing(item.text, directory))

    def _base(self, built: Built, state: State) -> None:
        state.objects.extend(built.objects)
        state.gaps.extend(built.gaps)
        state.incomplete |= built.incomplete
        state.partial |= built.partial
        state.skipped.extend(built.skipped)
        add_fields(state.fields, built.fields)
        state.variables.extend(built.variables)
        add_fields(state.referring, built.referring)
        state.schemas = state.schemas or built.schemas

    def _component(
        self, kustomization: Kustomization, item: Scalar, key_path: str, state: State, stack: tuple[str, ...]
    ) -> None:
        try:
            directory = self.reader.directory(join(kustomization.directory, item.text))
            found = directory is not None and find(self.reader, directory) is not None
        except OutOfTree as error:
            state.missing(item.place(key_path), "symlink out of the tree", str(error))
            return
        if found and directory is not None:
            self._run(directory, state, stack)
            return
        what = "remote component" if is_remote(item.text) else "missing component"
        state.missing(item.place(key_path), what, why_missing(item.text, directory))

    def _charts(self, kustomization: Kustomization, state: State) -> None:
        for chart, key_path in kustomization.entries("helmCharts", "helmChartInflationGenerator"):
            self._chart(kustomization, chart, key_path, state)

    def _chart(self, kustomization: Kustomization, chart: Mapping, key_path: str, state: State) -> None:
        self._inflated += 1
        made = self.inflate(kustomization, self._on_terms(chart), key_path)
        if isinstance(made, Gap):
            state.incomplete = True
            state.gaps.append(made)
        else:
            state.objects.extend(made)

    def _on_terms(self, chart: Mapping) -> Mapping:
        fresh = [pair for pair in self._given[1].entries if chart.get(pair[0]) is None] if self._given else []
        return Mapping([*chart.entries, *fresh], chart.file, chart.line) if fresh else chart

    def _plugins(self, key: str, kustomization: Kustomization, state: State, stack: tuple[str, ...]) -> None:
        for item, key_path in kustomization.names(key):
            for document in self._plugin_documents(kustomization, item, key_path, state, stack):
                if not isinstance(document, Mapping):
                    continue
                if document.text("kind") == CHART_GENERATOR:
                    self._chart(kustomization, document, key_path, state)
                else:
                    plugin(self.reader, kustomization, document, item.place(key_path), state)

    def _plugin_documents(
        self, kustomization: Kustomization, item: Scalar, key_path: str, state: State, stack: tuple[str, ...]
    ) -> list[Node]:
        try:
            directory = (
                self.reader.directory(join(kustomization.directory, item.text)) if "\n" not in item.text else None
            )
            is_base = directory is not None and find(self.reader, directory) is not None
        except OutOfTree as error:
            state.missing(item.place(key_path), "symlink out of the tree", str(error))
            return []
        if is_base and directory is not None:
            built = self.build(directory, stack)
            state.gaps.extend(built.gaps)
            return [self._whole(made) for made in (*built.objects, *self._left(built))]
        return either(self.reader, kustomization, item, key_path, state, texts=False)

    def _whole(self, made: Object) -> Node:
        """The object complete, unless the kustomization that loads it changed it."""
        held = self.reader.contents(made.file).objects if made.file in self.reader.files else ()
        same = any(one.node is made.node for one in held)
        return (again(self.reader, made) if same else None) or made.node

    def _left(self, built: Built) -> Iterator[Object]:
        """What the prefilter left out: a generator need not say anything about images."""
        for path in built.skipped:
            known = {(item.line, item.prefix) for item in built.objects if item.file == path}
            for item in self.reader.contents(path, unfiltered=True).objects:
                if (item.line, item.prefix) not in known:
                    whole = again(self.reader, item)
                    yield item if not isinstance(whole, Mapping) else replace(item, node=whole)
