"""Entry points in languages that nothing here renders: Jsonnet, CUE, KCL, templates of tools. What they deploy is unknown, and told."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Container, Iterator
from typing import Final

from auditor.manifests.files import Reader
from auditor.model.gap import Gap
from auditor.model.place import Place

_FILES: Final = {
    "cdk8s.yaml": ("cdk8s", "cdk8s synth --stdout"),
    "kcl.mod": ("KCL", "kcl run"),
    "module.cue": ("CUE", "cue export --out yaml ./..."),
    "main.jsonnet": ("Jsonnet", "jsonnet -y main.jsonnet"),
    "jsonnetfile.json": ("Jsonnet", "tk show --dangerous-allow-redirect ."),
    "bundle.cue": ("Timoni", "timoni bundle build -f bundle.cue"),
    "helmfile.yaml.gotmpl": ("helmfile", "helmfile template"),
    ".kluctl.yaml": ("kluctl", "kluctl render --print-all"),
    ".kluctl.yml": ("kluctl", "kluctl render --print-all"),
}
"""Files that start a program, with the language and the command that prints manifests."""
_ENDS: Final = (*_FILES, ".gotmpl")


def foreign(reader: Reader, chosen: Container[str]) -> Iterator[Gap]:
    """One gap for each such entry point that is `chosen`, in path order."""
    seen: set[tuple[str, str]] = set()
    for path in (each for each in reader.files if each.endswith(_ENDS) and _named(each) in _FILES and each in chosen):
        directory, name = posixpath.dirname(path), _named(path)
        if name == "module.cue" and posixpath.basename(directory) != "cue.mod":
            continue
        language, command = _FILES[name]
        if name == "main.jsonnet" and posixpath.join(directory, "spec.json") in reader.files:  # an environment of Tanka
            command = f"tk show --dangerous-allow-redirect {shlex.quote(directory or '.')}"
        where = posixpath.dirname(directory) if name == "module.cue" else directory
        if (where, language) in seen or "/vendor/" in f"/{path}":
            continue
        seen.add((where, language))
        yield Gap(
            Place(path, 1),
            f"{language} program",
            f"{language} is not run: what {where or 'the repository'} deploys is unknown",
            rule="unrendered",
            root=where or ".",
            help=f"render it and pipe the result: {command} | auditor check -",
        )


def _named(path: str) -> str:
    """The name that a file goes by: each template below `helmfile.d` is a helmfile."""
    directory, name = posixpath.split(path)
    parted = posixpath.basename(directory) == "helmfile.d" and name.endswith(".gotmpl")
    return "helmfile.yaml.gotmpl" if parted else name
