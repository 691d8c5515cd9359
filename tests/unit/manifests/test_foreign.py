"""Entry points in languages that are not run: told with the command that renders them, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from auditor.config.rules import ManifestSettings
from auditor.manifests.inventory import Inventory, inventory
from auditor.source.memory import MemoryTree


def read(paths: Iterable[str], settings: ManifestSettings | None = None) -> Inventory:
    return inventory(MemoryTree(dict.fromkeys(paths, b"{}\n"), "tree"), settings or ManifestSettings())


@pytest.mark.parametrize(
    ("path", "root", "language", "command"),
    [
        ("infra/cdk8s.yaml", "infra", "cdk8s", "cdk8s synth --stdout"),
        ("apps/kcl.mod", "apps", "KCL", "kcl run"),
        ("app/cue.mod/module.cue", "app", "CUE", "cue export --out yaml ./..."),
        ("cue.mod/module.cue", ".", "CUE", "cue export --out yaml ./..."),
        ("env/main.jsonnet", "env", "Jsonnet", "jsonnet -y main.jsonnet"),
        ("jsonnetfile.json", ".", "Jsonnet", "tk show --dangerous-allow-redirect ."),
        ("bundles/bundle.cue", "bundles", "Timoni", "timoni bundle build -f bundle.cue"),
        ("infra/helmfile.yaml.gotmpl", "infra", "helmfile", "helmfile template"),
        ("infra/helmfile.d/01-base.yaml.gotmpl", "infra/helmfile.d", "helmfile", "helmfile template"),
        (".kluctl.yaml", ".", "kluctl", "kluctl render --print-all"),
    ],
)
def test_an_entry_point_is_told_with_the_command_that_renders_it(
    path: str, root: str, language: str, command: str
) -> None:
    (gap,) = read([path]).gaps
    assert (gap.rule, gap.root, gap.what, gap.place.file) == ("unrendered", root, f"{language} program", path)
    assert f"{command} | auditor check -" in gap.help
    assert ("the repository" if root == "." else root) in gap.why


@pytest.mark.parametrize(
    "path",
    [
        "infra/cdk8s.yaml.txt",
        "lib/util.libsonnet",
        "app/module.cue",
        "app/schema.cue",
        "docs/kcl.mod.md",
        "app/vendor/github.com/lib/jsonnetfile.json",
        "vendor/lib/main.jsonnet",
        "app/main.k",
        "main.jsonnet/readme.md",
        "infra/values/app.yaml.gotmpl",
        "infra/helmfile.d/readme.md",
    ],
)
def test_what_starts_nothing_is_not_told(path: str) -> None:
    assert not read([path]).gaps


def test_one_program_is_told_once() -> None:
    gaps = read(["env/main.jsonnet", "env/jsonnetfile.json", "env/lib/a.libsonnet"]).gaps
    assert [gap.place.file for gap in gaps] == ["env/jsonnetfile.json"]


def test_two_languages_in_one_directory_are_two_programs() -> None:
    assert len(read(["a/main.jsonnet", "a/kcl.mod"]).gaps) == 2


def test_what_the_rules_leave_out_is_not_told() -> None:
    assert not read(["old/main.jsonnet"], ManifestSettings(exclude=("old/**",))).gaps
