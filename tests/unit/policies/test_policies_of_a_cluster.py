"""Policies as teams write them (`fixtures/policies`), whole files, on signatures that really verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from auditor.model.report import PolicyVerdict
from auditor.policies.flux import chart_uses
from auditor.policies.found import find_policies
from auditor.policies.inspected import Containers, Inspected, Resource
from auditor.policies.load import load_policies
from auditor.policies.proofs import Proofs
from auditor.policies.rego.evaluate import Rego
from auditor.policies.rego.gate import ask_gate
from auditor.policies.ruling import side_by_side
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import Claimant, email, github, sig_layer
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import Stored
from fixtures.sigstore.statements import simple_signing
from tests.support.policies import NOW, image_of
from tests.support.signatures import made_root

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "policies"
PASS, FAIL, WARN, SKIP = PolicyVerdict.PASS, PolicyVerdict.FAIL, PolicyVerdict.WARN, PolicyVerdict.SKIP
UNKNOWN = PolicyVerdict.NOT_EVALUABLE
SCENE = Scene()
STACK = SCENE.stack
PUBLIC: Root = made_root(STACK, "public-good")
DEPLOYMENT = Resource("Deployment", "apps/v1", "web", "prod", (), "app", frozenset({Containers.NORMAL}))
KEY = derive("acme", "charts")
CONFIG = "ConfigMap/config-policy-controller"


def by(who: Claimant) -> Stored:
    return sig_layer(STACK.sign(SCENE.digest, who, SCENE.at))


RELEASE, STRANGER = by(github("acme/shop")), by(github("stranger/shop"))
BRANCH, ONCALL = by(github("acme/shop", "release.yaml", "refs/heads/main")), by(email("oncall@acme.example"))
CHART = sig_layer(STACK.seal_with_key(KEY, simple_signing(SCENE.digest, "ghcr.io/acme/charts/shop", None)))


def row(path: str, image: Inspected, *more: tuple[str, str]) -> dict[str, PolicyVerdict]:
    files = {path: (FIXTURES / path).read_bytes()} | {name: text.encode() for name, text in more}
    loaded = load_policies(find_policies(MemoryTree(files, "test")))
    assert loaded.mistakes == ()
    return {each.policy.name: each.ruling.verdict for each in side_by_side(loaded.policies, image, Proofs(PUBLIC, NOW))}


@pytest.mark.parametrize(
    ("image", "stored", "expected"),
    [
        ("ghcr.io/acme/shop:1", [RELEASE], (PASS, SKIP, SKIP, SKIP)),
        ("ghcr.io/acme/shop:1", [ONCALL], (PASS, SKIP, SKIP, SKIP)),
        ("ghcr.io/acme/shop:1", [BRANCH], (FAIL, SKIP, SKIP, SKIP)),
        ("ghcr.io/acme/shop:1", [STRANGER], (FAIL, SKIP, SKIP, SKIP)),
        ("ghcr.io/acme/shop:1", [], (FAIL, SKIP, SKIP, SKIP)),
        ("ghcr.io/acme/cryptominer:1", [RELEASE], (PASS, SKIP, FAIL, SKIP)),  # all that match must pass
        ("nginx", [RELEASE], (SKIP, WARN, SKIP, SKIP)),
        ("quay.io/other/tool:1", [], (SKIP, SKIP, SKIP, WARN)),
    ],
)
def test_cluster_image_policies(image: str, stored: list[Stored], expected: tuple[PolicyVerdict, ...]) -> None:
    names = (*(f"ClusterImagePolicy/{each}" for each in ("acme-release", "base-images", "forbidden")), CONFIG)
    found = row("cip/platform.yaml", image_of(image, stored, resources=(DEPLOYMENT,)))
    assert found == dict(zip(names, expected, strict=True))


@pytest.mark.parametrize(
    ("image", "stored", "expected"),
    [
        ("ghcr.io/acme/shop:1", [RELEASE], PASS),
        ("ghcr.io/acme/shop:1", [ONCALL], FAIL),
        ("ghcr.io/acme/shop:1", [STRANGER], FAIL),
        ("ghcr.io/acme/payments/api:1", [RELEASE], FAIL),  # two must have signed
        ("ghcr.io/acme/payments/api:1", [RELEASE, ONCALL], PASS),
        ("registry.k8s.io/pause:3.10", [], PASS),
        ("nginx", [RELEASE], FAIL),
    ],
)
def test_connaisseur(image: str, stored: list[Stored], expected: PolicyVerdict) -> None:
    found = row("connaisseur/values.yaml", image_of(image, stored, resources=(DEPLOYMENT,)))
    assert list(found.values()) == [expected]


def test_flux() -> None:
    path = "flux/sources.yaml"
    artifact = Resource("OCIRepository", "source.toolkit.fluxcd.io/v1", "shop", "flux-system")
    chart = Resource("HelmRelease", "helm.toolkit.fluxcd.io/v2", "shop", "shop")
    for stored, expected in ((RELEASE, PASS), (BRANCH, FAIL), (STRANGER, FAIL)):
        found = row(path, image_of("ghcr.io/acme/shop-config:v1.0.0", [stored], resources=(artifact,)))
        assert found == {"OCIRepository/shop": expected, "HelmRelease/shop": SKIP}
    (use,) = chart_uses(find_policies(MemoryTree({path: (FIXTURES / path).read_bytes()}, "test")).objects)
    image = image_of(use.reference, [CHART], resources=(chart,))
    assert row(path, image) == {"OCIRepository/shop": SKIP, "HelmRelease/shop": UNKNOWN}  # the key is not in the tree
    lines = pem(KEY.public_key()).decode().replace("\n", "\n    ")
    held = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: chart-keys, namespace: shop}}\nstringData:\n  a.pub: |\n    {lines}\n"
    assert row(path, image, ("secret.yaml", held))["HelmRelease/shop"] is PASS
    other = image_of(use.reference, [RELEASE], resources=(chart,))
    assert row(path, other, ("secret.yaml", held))["HelmRelease/shop"] is FAIL


@pytest.mark.parametrize(
    ("verdict", "pinned", "file", "denies", "warns"),
    [
        ("verified", True, "clusters/prod/a.yaml", 0, 0),
        ("verified", False, "clusters/prod/a.yaml", 1, 0),
        ("unsigned", False, "clusters/prod/a.yaml", 2, 0),
        ("unjudged", True, "clusters/prod/a.yaml", 1, 0),
        ("unsigned", False, "clusters/test/a.yaml", 0, 1),
    ],
)
def test_rego(verdict: str, pinned: bool, file: str, denies: int, warns: int) -> None:
    image: dict[str, Any] = {"reference": "a/b:1", "verdict": verdict, "pinned": pinned, "uses": [{"file": file}]}
    with Rego() as rego:
        said = ask_gate({"p.rego": (FIXTURES / "rego" / "prod.rego").read_bytes()}, {"images": [image]}, rego)
    assert said is not None
    assert said.unevaluated is None
    found = [word.denies for word in said.words]
    assert (found.count(True), found.count(False)) == (denies, warns)
