"""Flux's `spec.verify` in a check: charts and artifacts are uses of their own, judged by base's policy on head's version."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from fixtures.sigstore import github
from fixtures.sigstore.keys import derive, pem
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.signed import sig_layer
from fixtures.sigstore.statements import simple_signing
from tests.cli.house import AT, House

KEY = derive("acme", "charts")


def secret() -> str:
    encoded = base64.b64encode(pem(KEY.public_key())).decode()
    return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: cosign, namespace: apps}}\ndata: {{acme.pub: {encoded}}}\n"


def release(house: House, version: str, *, verify: str = "{provider: cosign, secretRef: {name: cosign}}") -> str:
    return f"""apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {{name: charts, namespace: apps}}
spec: {{type: oci, url: oci://{house.images.registry.host}/acme/charts}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: shop, namespace: apps}}
spec:
  chart:
    spec:
      chart: shop
      version: {version}
      sourceRef: {{kind: HelmRepository, name: charts}}
      verify: {verify}
"""


def artifact(house: House, tag: str, issuer: str = "^https://token") -> str:
    return f"""apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{name: app, namespace: apps}}
spec:
  url: oci://{house.images.registry.host}/acme/config
  ref: {{tag: {tag}}}
  verify:
    provider: cosign
    trustedRootSecretRef: {{name: roots}}
    matchOIDCIdentity: [{{issuer: '{issuer}', subject: '^https://github\\.com/acme/api/'}}]
"""


def chart(house: House, version: str, *, signed: bool) -> None:
    digest = house.images.registry.put_image("acme/charts/shop", version, seed=version)
    if signed:
        statement = simple_signing(digest, f"{house.images.registry.host}/acme/charts/shop")
        push_signatures(
            house.images.registry,
            "acme/charts/shop",
            digest,
            sig_layer(house.images.sigstore.seal_with_key(KEY, statement)),
        )


def image_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in report["images"] if each["name"].endswith(name) and each["verdict"] is not None)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("version", "verdict"), [("1.1.0", "pass"), ("1.2.0", "fail")])
def test_a_chart_of_another_version_is_a_use_that_flux_verifies(house: House, version: str, verdict: str) -> None:
    chart(house, "1.0.0", signed=True)
    chart(house, version, signed=verdict == "pass")
    rules = house.images.rules(
        images=f"  - {{match: '{house.images.registry.host}/acme/charts/*', unsigned: allow, reason: Flux}}\n"
    )
    house.commit_base({"flux.yaml": release(house, "1.0.0"), "secret.yaml": secret(), "auditor.yaml": rules})
    house.commit({"flux.yaml": release(house, version)})
    ran = house.check()
    found = image_of(ran.report, "charts/shop")
    assert [each["verdict"] for each in found["policies"]] == [verdict]
    (use,) = found["uses"]
    assert (use["file"], use["line"], use["workload"], use["change"]) == (
        "flux.yaml",
        13,
        "HelmRelease/apps/shop",
        "added",
    )
    # The chart is not in the tree, so what it deploys is not known: without a failure the run is incomplete.
    assert (ran.status, "policy-failed" in ran.rules) == ((3, False) if verdict == "pass" else (1, True))


def test_a_chart_that_stays_does_not_gate_and_a_change_cannot_stop_the_verifying(house: House) -> None:
    chart(house, "2.0.0", signed=False)
    chart(house, "2.1.0", signed=False)
    rules = house.images.rules(
        images=f"  - {{match: '{house.images.registry.host}/acme/charts/*', unsigned: allow, reason: Flux}}\n"
    )
    house.commit_base({"flux.yaml": release(house, "2.0.0"), "secret.yaml": secret(), "auditor.yaml": rules})
    house.commit({"worker.yaml": house.images.pod("worker")})
    ran = house.check()
    assert (ran.status, "policy-failed" in ran.rules) == (0, False)
    other = secret().replace(base64.b64encode(pem(KEY.public_key())).decode(), "")
    house.commit({"flux.yaml": release(house, "2.1.0"), "secret.yaml": other})
    ran = house.check()
    assert (ran.status, "policy-failed" in ran.rules) == (1, True)


def test_a_range_of_versions_is_not_judged_and_said(house: House) -> None:
    house.commit_base({"flux.yaml": release(house, "1.0.0"), "secret.yaml": secret()})
    house.commit({"flux.yaml": release(house, "'>=1.0.0'")})
    ran = house.check()
    assert (ran.status, "templated-reference" in ran.rules) == (3, True)


def test_an_artifact_is_verified_by_its_own_object(house: House) -> None:
    images = house.images
    roots = base64.b64encode(images.trusted_root().encode()).decode()
    held = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: roots, namespace: apps}}\ndata: {{trusted_root.json: {roots}}}\n"
    for tag, who in (("v1", github("acme/api")), ("v2", github("acme/api")), ("v3", github("evil/api"))):
        digest = images.registry.put_image("acme/config", tag, seed=tag)
        push_signatures(images.registry, "acme/config", digest, sig_layer(images.sigstore.sign(digest, who, AT)))
    rules = images.rules(images=f"  - {{match: '{images.registry.host}/acme/config', unsigned: allow, reason: Flux}}\n")
    house.commit_base({"app.yaml": artifact(house, "v1"), "roots.yaml": held, "auditor.yaml": rules})
    for tag, verdict, status in (("v2", "pass", 0), ("v3", "fail", 1)):
        house.commit({"app.yaml": artifact(house, tag)})
        ran = house.check()
        (policy,) = image_of(ran.report, "acme/config")["policies"]
        assert (policy["policy"], policy["verdict"], ran.status) == ("OCIRepository/app", verdict, status), policy
