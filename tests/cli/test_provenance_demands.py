"""`attested-by` that looks into the provenance, from rules to exit status: what a build says of itself must be what is asked."""

from __future__ import annotations

import pytest

from fixtures.registry import OciRegistry
from fixtures.sigstore import SLSA_PROVENANCE, att_layer, bundle, github
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.statements import provenance
from tests.cli.house import AT, House, Images

_ASKED = "source: 'https://github.com/acme/*', builder: 'https://github.com/acme/*/.github/workflows/release.yaml@refs/tags/*'"


def attested(images: Images, name: str, repository: str, ref: str = "refs/tags/v1.0", *, legacy: bool = False) -> None:
    """An image whose provenance, made by acme's own workflow, says that it was built from a repository."""
    digest = images.push(name)
    signed = images.sigstore.attest(
        digest, github(f"acme/{name}"), AT, predicate_type=SLSA_PROVENANCE, predicate=provenance(repository, ref)
    )
    push_signatures(images.registry, f"acme/{name}", digest, (att_layer if legacy else bundle)(signed))


@pytest.mark.parametrize("legacy", [False, True], ids=["bundle", "att"])
def test_source_and_builder(house: House, *, legacy: bool) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        attested(images, "good", "acme/good", legacy=legacy)
        attested(images, "forked", "mallory/good", legacy=legacy)
        attested(images, "branch", "acme/branch", "refs/heads/wip", legacy=legacy)
        wanted = f"attested-by: {{predicate: '{SLSA_PROVENANCE}', signer: release, {_ASKED}}}"
        rules = images.rules().replace("signed-by: release", wanted)
        house.commit_base({"auditor.yaml": rules, "api.yaml": ""})
        house.commit({"new.yaml": images.pod("good", "forked", "branch", "attested")})
        ran = house.check()
    assert ran.status == 1
    assert ran.verdicts == {
        "good": "verified",
        "forked": "wrong-signer",
        "branch": "wrong-signer",
        "attested": "wrong-signer",
    }
    reasons = {image["name"].rpartition("/")[2]: image["reason"] for image in ran.report["images"] if image["reason"]}
    assert "the source is https://github.com/mallory/good" in reasons["forked"]
    assert (
        "the builder is https://github.com/acme/branch/.github/workflows/release.yaml@refs/heads/wip"
        in reasons["branch"]
    )
    assert "the source is not told" in reasons["attested"]


@pytest.mark.parametrize("target", ["kyverno", "imagevalidatingpolicy", "clusterimagepolicy", "rego", "cosign"])
def test_no_export_leaves_them_out(house: House, target: str) -> None:
    wanted = f"{{predicate: '{SLSA_PROVENANCE}', signer: release, source: 'https://github.com/acme/*'}}"
    rules = (
        "version: 1\nsigners:\n  release: {issuer: 'https://accounts.google.com', subject: oncall@acme.example}\n"
        f"images:\n- {{match: 'ghcr.io/acme/**', attested-by: {wanted}}}\n"
    )
    house.commit_base({"auditor.yaml": rules})
    ran = house.run("policy", "export", "--to", target).clean_of_tracebacks()
    assert (ran.status, ran.out) == (2, "")
    assert "look into the provenance" in ran.err
