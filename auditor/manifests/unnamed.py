"""Documents that say no API version and are deployed all the same: what their shape says they are.

Desired states of Helmsman (`apps` with `helmRepos`) deploy charts, and say no kind either.

Sources: the v1alpha1 reference of Talos (what `talosctl apply-config` and `patch` take), the `talconfig.yaml` of talhelper, and
the cluster templates of Omni.
"""

from __future__ import annotations

from collections.abc import Mapping as Values
from typing import Final

from auditor.manifests.yaml import RawMapping, RawNode, text_of

_MACHINE_CONFIG: Final = ("talos.dev/v1alpha1", "MachineConfig")
_TALHELPER: Final = ("talhelper.talos.dev/v1", "Config")
_TALHELPER_KEYS: Final = frozenset({"clusterName", "endpoint", "nodes"})
_OMNI: Final = "omni.siderolabs.com/v1"
_OMNI_KINDS: Final = frozenset({"Cluster", "ControlPlane", "Workers", "Machine", "ConfigPatch"})
_HELMSMAN: Final = ("helmsman/v1", "DesiredState")
_HELMSMAN_KEYS: Final = frozenset({"helmRepos", "apps"})
_OPERATION: Final = frozenset({"op", "path"})
"""Of a JSON patch (RFC 6902), which `talosctl` takes as well; what it is for is told by its path."""
_TOP: Final = frozenset({"version", "debug", "persist", "machine", "cluster"})
"""Everything that a machine config may say at its top."""
_PARTS: Final = {
    "machine": frozenset(
        {
            *(
                "type",
                "install",
                "kubelet",
                "pods",
                "files",
                "network",
                "registries",
                "sysctls",
                "kernel",
                "nodeLabels",
            ),
            *("features", "controlPlane", "disks", "time", "certSANs", "systemDiskEncryption", "udev", "env"),
        }
    ),
    "cluster": frozenset(
        {
            *("apiServer", "controllerManager", "scheduler", "coreDNS", "etcd", "proxy", "inlineManifests"),
            *("extraManifests", "externalCloudProvider", "allowSchedulingOnControlPlanes", "adminKubeconfig"),
        }
    ),
}
"""Keys of which a machine config, or a patch of one, has one at least."""


def identity(named: Values[str, RawNode]) -> tuple[str, str] | None:
    """The API version and kind by which the table of kinds knows a document without; None where its shape says nothing."""
    if "apiVersion" in named:
        return None
    if "kind" in named:
        kind = text_of(named["kind"])
        return (_OMNI, kind) if kind in _OMNI_KINDS and "metadata" not in named else None
    if named.keys() >= _OPERATION and text_of(named["path"]).startswith(tuple(f"/{part}/" for part in _PARTS)):
        return _MACHINE_CONFIG
    if named.keys() >= _TALHELPER_KEYS:
        return _TALHELPER
    if named.keys() >= _HELMSMAN_KEYS:
        return _HELMSMAN
    if named.keys() <= _TOP and any(_has(named.get(part), known) for part, known in _PARTS.items()):
        return _MACHINE_CONFIG
    return None


def _has(node: RawNode | None, known: frozenset[str]) -> bool:
    return isinstance(node, RawMapping) and any(text_of(key) in known for key, _ in node.value)
