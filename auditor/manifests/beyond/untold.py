"""Files that make manifests or deploy to clusters, told by what is in them: Terraform, Pulumi, Ansible, bundles of Timoni, templates.

They are no manifests, and nothing here runs them: one gap for each directory with such a program, one for each template.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Container, Iterable, Iterator
from typing import Final

from msgspec import Struct

from auditor.manifests.files import Reader
from auditor.model.gap import Gap
from auditor.model.place import Place
from auditor.source.tree import EntryKind, Unreadable, expect

_PLAN: Final = "look at what it would do ({command}), and waive this with a reason"
_PIPE: Final = "render it and pipe the result: {command} | auditor check -"
_DEPLOYS: Final = re.compile(
    rb"""^[ \t]*resource[ \t]+"(?:
        helm_release | kubectl_manifest | kubectl_path_documents | kustomization_resource | argocd_application(?:_set)?
      | kubernetes_(?:manifest|deployment|stateful_set|daemonset|daemon_set|job|cron_job|pod|replication_controller)
        (?:_v[0-9]\w*)?
    )" """.strip(),
    re.MULTILINE | re.VERBOSE,
)
_BUNDLE: Final = re.compile(rb"^bundle[ \t]*:[ \t]*(?:\{[ \t\r]*$|apiVersion|instances)", re.MULTILINE)
_PULUMI: Final = re.compile(
    rb"@pulumi/kubernetes|pulumi[_-]kubernetes|Pulumi\.Kubernetes|com\.pulumi[./:]kubernetes|kubernetes:"
)
_APPLIES: Final = re.compile(
    rb"^[ \t]*(?:-[ \t]+)?(?:(?:kubernetes\.core|community\.kubernetes|redhat\.openshift|community\.okd)\.(?:k8s|helm)|k8s)[ \t]*:[ \t\r]*$",
    re.MULTILINE,
)
_PLAYBOOK: Final = re.compile(r"(?:.*/)?(?:(?:tasks|handlers|playbooks?)/.+|site|playbook[^/]*)\.ya?ml")
_YAML: Final = (".yml", ".yaml")
_PLAYS: Final = ("tasks/", "handlers/", "playbook", "site.y")
_TARGET: Final = re.compile(r"(?P<top>(?:.*/)?)inventory/targets/.+\.ya?ml")
_TEMPLATE_ENDS: Final = (
    *(".j2", ".jinja", ".jinja2", ".tmpl", ".tpl", ".tftpl", ".gotmpl"),
    *(".erb", ".template", ".TEMPLATE", ".envsubst", ".mustache", ".in"),
)
_VENDORED: Final = frozenset({"vendor", "node_modules"})
"""Directories of what others wrote, to be a part of a program."""
_TEMPLATE: Final = re.compile(r"(?s:.*)\.(?:ya?ml|json|jsonnet)\.[A-Za-z0-9]+")
"""Names of what some program makes manifests of."""
_IMAGE: Final = re.compile(rb"""(?<![\w.-])["']?image["']?[ \t]*:""")
_OBJECT: Final = re.compile(
    rb"""^(?:[ \t]*(?:-[ \t]+)?["']?(?:kind|apiVersion)["']?[ \t]*:|(?:machine|cluster)[ \t]*:[ \t\r]*$)""",
    re.MULTILINE,
)
"""Of a manifest, or of a machine config of Talos."""
_PULUMI_FILES: Final = (
    *("Pulumi.yaml", "package.json", "requirements.txt", "pyproject.toml", "Pipfile"),
    *("go.mod", "pom.xml", "build.gradle"),
)
"""Where a project of Pulumi says what it depends on."""


class _Program(Struct, frozen=True):
    """A language: what in a file says that it deploys to clusters, and what to do."""

    language: str
    sign: re.Pattern[bytes]
    help: str


_TERRAFORM: Final = _Program("Terraform", _DEPLOYS, _PLAN.format(command="terraform plan"))
_ANSIBLE: Final = _Program("Ansible", _APPLIES, _PLAN.format(command="ansible-playbook --check --diff"))
_TIMONI: Final = _Program("Timoni", _BUNDLE, _PIPE.format(command="timoni bundle build -f {path}"))


def untold(reader: Reader, paths: Iterable[str], loaded: Container[str]) -> Iterator[Gap]:
    """A gap for each program and template among these files, in their order. `loaded`: files that kustomizations take."""
    named = [(path, kind) for path in paths if (kind := _kind(path)) is not None]
    found = [(path, kind) for path, kind in named if _VENDORED.isdisjoint(path.split("/"))]
    unread = (path for path, _ in found if reader.tree.content_id(path) not in reader.shared.signs)
    expect(reader.tree, [path for path in unread if reader.files[path].kind is EntryKind.FILE])
    seen: set[tuple[str, str]] = set()
    for path, kind in found:
        if isinstance(kind, _Program):
            key = (posixpath.dirname(path) or path, kind.language)
            if key not in seen and (line := _line(reader, path, kind.sign)):
                seen.add(key)
                yield _program(kind.language, path, line, kind.help.format(path=shlex.quote(path)))
        elif kind == "Pulumi":
            if any(_uses_pulumi(reader, path)):
                yield _program(kind, path, 1, _PLAN.format(command="pulumi preview --diff"))
        elif kind == "Kapitan":
            top = path.rpartition("inventory/targets/")[0]
            if (top, kind) not in seen and _compiles(reader, top):
                seen.add((top, kind))
                yield _program(
                    kind, path, 1, _PIPE.format(command="kapitan compile && cat compiled/…"), top.rstrip("/")
                )
        elif path not in loaded and not _is_in_chart(reader, path) and _line(reader, path, _OBJECT):
            yield from (_template(path, line) for line in (_line(reader, path, _IMAGE),) if line)


def _kind(path: str) -> _Program | str | None:
    """What a file may be by its name. Most are manifests, and told at once."""
    if path.endswith(_YAML):
        if path.endswith("Pulumi.yaml") and posixpath.basename(path) == "Pulumi.yaml":
            return "Pulumi"
        if "inventory/targets/" in path and _TARGET.fullmatch(path):
            return "Kapitan"
        return _ANSIBLE if any(word in path for word in _PLAYS) and _PLAYBOOK.fullmatch(path) else None
    if path.endswith(_TEMPLATE_ENDS):
        return "template" if _TEMPLATE.fullmatch(path) else None
    return _TERRAFORM if path.endswith((".tf", ".tofu")) else _TIMONI if path.endswith(".cue") else None


def _template(path: str, line: int) -> Gap:
    return Gap(
        Place(path, line),
        "template of manifests",
        f"what fills in {path} is not run: the images of what it makes are unknown",
        rule="unrendered",
        help="render it as you do before it is applied, and pipe the result: … | auditor check -",
    )


def _program(language: str, path: str, line: int, help_text: str, root: str = "") -> Gap:
    where = root or posixpath.dirname(path)
    why = f"{language} is not run: what {where or path} deploys is unknown"
    # At the top of a tree, where everything is below, each such file stands for itself.
    return Gap(Place(path, line), f"{language} program", why, rule="unrendered", root=where or None, help=help_text)


def _uses_pulumi(reader: Reader, path: str) -> Iterator[int]:
    """Whether a project has Pulumi's provider for Kubernetes: its own file, or those that name what it depends on."""
    start = f"{posixpath.dirname(path)}/".lstrip("/")
    for each in (f"{start}{name}" for name in _PULUMI_FILES):
        if each in reader.files:
            yield _line(reader, each, _PULUMI)


def _compiles(reader: Reader, top: str) -> bool:
    """Whether an inventory is Kapitan's, and what it makes is not in the tree, where it would be read."""
    return bool(reader.identity(f"{top}inventory/classes/")) and not reader.identity(f"{top}compiled/")


def _is_in_chart(reader: Reader, path: str) -> bool:
    parts = path.split("/")[:-1]
    above = ("/".join(parts[:count]) for count in range(len(parts)))
    return any((f"{directory}/Chart.yaml" if directory else "Chart.yaml") in reader.files for directory in above)


def _line(reader: Reader, path: str, sign: re.Pattern[bytes]) -> int:
    """The line of the first match in a file; 0 where there is none, or the file cannot be read."""
    if reader.files[path].kind is not EntryKind.FILE:
        return 0
    known = reader.shared.signs.setdefault(reader.tree.content_id(path), {})
    if sign.pattern not in known:
        try:
            content = reader.bytes_of(path)
        except Unreadable:
            return 0
        found = sign.search(content)
        known[sign.pattern] = content.count(b"\n", 0, found.start()) + 1 if found else 0
    return known[sign.pattern]
