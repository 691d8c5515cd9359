"""`helm template` without helm: a program of its own around helm-python-sdk (Helm's SDK as a library), for the sandbox.

It takes those arguments of helm that this project gives, and prints what helm prints. The library cannot be told what a cluster
serves beyond Kubernetes: where a deployer or the rules say that, a chart that looks at `.Capabilities` is refused.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import helm_python

from auditor.manifests.helm.semver import Range, Version
from auditor.manifests.render.helm_cluster import told, without_tests
from auditor.manifests.yaml import Broken, documents


def main(arguments: list[str]) -> int:
    """Run `version`, or `template NAME CHART [--OPTION=VALUE …]`; the exit status."""
    if arguments[0] == "version":
        sys.stdout.write(f"{helm_python.helm_sdk_version()} (helm-python-sdk)")
        return 0
    _, name, chart, *rest = arguments
    options = [each.removeprefix("--").partition("=")[::2] for each in rest]
    try:
        sys.stdout.write(_rendered(name, chart, options))
    except helm_python.HelmError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def _rendered(name: str, path: str, options: list[tuple[str, str]]) -> str:
    asked = dict(options)
    kube_version = asked.get("kube-version", "")
    with told(Path(path), kube_version) as copy, helm_python.Chart.load(copy) as chart:
        _check(chart.metadata, kube_version)
        _check_carried(chart.metadata, chart.dependencies)
        if any(option == "api-versions" for option, _ in options):
            _check_apis(Path(path))
        values: dict[str, Any] = {}
        for file in (value for option, value in options if option == "values"):
            values = _over(values, helm_python.values_from_yaml(Path(file).read_text("utf-8")))
        chart.validate_schema(values)
        made = chart.render(values, name=name, namespace=asked.get("namespace", "default"))
        parts = [(one["filename"], one["data"]) for one in chart.crds] if "include-crds" in asked else []
    parts += [(path, text) for path, text in sorted(made.items()) if not path.endswith("NOTES.txt")]
    _check_written(parts)
    if "skip-tests" in asked:
        parts = [(path, without_tests(text)) for path, text in parts]
    return "".join(f"---\n# Source: {path}\n{text}\n" for path, text in parts if text.strip())


def _check_written(parts: list[tuple[str, str]]) -> None:
    """What a template prints has to be YAML (pkg/releaseutil, SortManifests): helm sorts it by kind."""
    for path, text in parts:
        for document in documents(text.encode(), path):
            if isinstance(document, Broken):
                raise helm_python.HelmError(f"YAML parse error on {path}: line {document.line}: {document.why}")


def _check(about: dict[str, Any], kube_version: str) -> None:
    """What helm refuses before it renders (pkg/action, Install): a cluster of another version, and charts that are missing."""
    needed = str(about.get("kubeVersion") or "")
    meant, version = Range.parse(needed) if needed else None, Version.parse(kube_version)
    if meant is not None and version is not None and not meant.holds(version):
        raise helm_python.HelmError(
            f"chart requires kubeVersion: {needed} which is incompatible with Kubernetes v{kube_version}"
        )


def _check_carried(about: dict[str, Any], carried: list[dict[str, Any]]) -> None:
    names = {str(one.get("name")) for one in carried}
    missing = [str(one.get("name")) for one in about.get("dependencies") or () if str(one.get("name")) not in names]
    if missing:
        raise helm_python.HelmError(f"found in Chart.yaml, but missing in charts/ directory: {', '.join(missing)}")


def _check_apis(chart: Path) -> None:
    """Refuse a chart that looks, itself or in an archive it carries, at `.Capabilities`: the library has no option for APIs."""
    for file in sorted(chart.rglob("*")):
        content = file.read_bytes() if file.is_file() else b""
        if b"Capabilities" in content or content.startswith(b"\x1f\x8b"):
            name = file.relative_to(chart)
            raise helm_python.HelmError(
                f"{name} may ask which APIs the cluster serves, which only the program helm can be told: install it"
            )


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
