"""The table of a run: a row per reference, a cell per policy, a ruling per resource."""

from __future__ import annotations

from auditor.model.evidence import Evidence, Fault, FaultKind, Resolved
from auditor.model.place import Place
from auditor.model.reference import Digest
from auditor.model.report import PolicyVerdict
from auditor.model.use import Use, Workload
from auditor.policies.inspected import resource_of
from auditor.policies.proofs import Proofs
from auditor.policies.table import Table
from auditor.registry.material import Listing
from fixtures.sigstore import Sigstore, github, sig_layer
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import Scene
from tests.support.policies import DIGEST, NOW, load_text
from tests.support.signatures import made_root

SCENE = Scene()
STACK: Sigstore = SCENE.stack
POLICY = """
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  validationFailureAction: Enforce
  rules:
  - name: a
    match: {any: [{resources: {kinds: [Pod]}}]}
    exclude: {any: [{resources: {namespaces: [kube-system]}}]}
    verifyImages:
    - imageReferences: ['ghcr.io/acme/*']
      mutateDigest: false
      verifyDigest: false
      %s
      attestors:
      - entries:
        - keyless: {subject: 'https://github.com/acme/*', rekor: {url: 'https://rekor.sigstore.dev'}}
"""
IMAGE = "ghcr.io/acme/shop:1"
SIGNED = Listing((as_material(sig_layer(STACK.sign(SCENE.digest, github(), SCENE.at))),))


def use(reference: str = IMAGE, namespace: str = "prod") -> Use:
    place = Place("a.yaml", 1, 1, "spec.containers[0].image")
    return Use(reference, place, Workload("Pod", "web", namespace, "v1"), "app")


def rows(uses: list[Use], listings: dict[str, Listing], *, more: str = "", evidence: Evidence | None = None) -> object:
    known = {each.reference: evidence or Evidence(Resolved(DIGEST)) for each in uses}
    found = {(name, DIGEST): listing for name, listing in listings.items()}
    loaded = load_text(POLICY % more)
    table = Table(loaded.policies, uses, found, lambda: Proofs(made_root(STACK, "public-good"), NOW))
    return {text: [each.ruling.verdict for each in row] for text, row in table.rows(known).items()}


def test_one_row_for_each_reference_and_a_ruling_for_each_resource() -> None:
    prod, system = use(), use(namespace="kube-system")
    loaded = load_text(POLICY % "")
    evidence = {IMAGE: Evidence(Resolved(DIGEST))}
    listings = {("ghcr.io/acme/shop", DIGEST): Listing()}
    found = Table(loaded.policies, [prod, system], listings, lambda: Proofs(made_root(STACK), NOW)).rows(evidence)
    (judgment,) = found[IMAGE]
    assert judgment.on(resource_of(prod)).verdict is PolicyVerdict.FAIL
    assert judgment.on(resource_of(system)).verdict is PolicyVerdict.SKIP
    assert judgment.ruling.verdict is PolicyVerdict.FAIL


def test_signatures_come_from_the_repository_that_counts() -> None:
    assert rows([use()], {"ghcr.io/acme/shop": SIGNED}) == {IMAGE: [PolicyVerdict.PASS]}
    elsewhere = "repository: registry.acme.example/signatures"
    assert rows([use()], {"registry.acme.example/signatures": SIGNED}, more=elsewhere) == {IMAGE: [PolicyVerdict.PASS]}
    assert rows([use()], {"ghcr.io/acme/shop": SIGNED}, more=elsewhere) == {IMAGE: [PolicyVerdict.NOT_EVALUABLE]}
    assert rows([use()], {}) == {IMAGE: [PolicyVerdict.NOT_EVALUABLE]}


def test_what_could_not_be_asked_is_not_told_and_what_is_not_meant_is_skipped() -> None:
    denied = Evidence(Fault(FaultKind.DENIED, "denied"))
    assert rows([use(), use("quay.io/other/x:1")], {}, evidence=denied) == {
        IMAGE: [PolicyVerdict.NOT_EVALUABLE],
        "quay.io/other/x:1": [PolicyVerdict.SKIP],
    }


def test_a_text_that_is_no_reference_has_no_row() -> None:
    assert rows([use("ghcr.io/acme/shop:${TAG}")], {}) == {}


def test_a_row_is_written_when_its_answer_comes_and_the_table_keeps_the_order_of_the_uses() -> None:
    proofs: list[Proofs] = []

    def load() -> Proofs:
        proofs.append(Proofs(made_root(STACK, "public-good"), NOW))
        return proofs[-1]

    signed, later, unasked = use(), use("ghcr.io/acme/shop:2"), use("ghcr.io/acme/shop:3")
    listings: dict[tuple[str, Digest], Listing] = {}
    table = Table(load_text(POLICY % "").policies, [signed, later, unasked], listings, load)
    assert proofs == []
    other = Digest.of(b"other")
    listings["ghcr.io/acme/shop", other] = Listing()
    table.answered("ghcr.io/acme/shop:2", Evidence(Resolved(other)))
    table.answered("ghcr.io/acme/elsewhere:1", Evidence(Resolved(DIGEST)))
    listings["ghcr.io/acme/shop", DIGEST] = SIGNED
    table.answered(IMAGE, Evidence(Resolved(DIGEST)))
    found = {text: [each.ruling.verdict for each in row] for text, row in table.rows({}).items()}
    assert list(found.items()) == [
        (IMAGE, [PolicyVerdict.PASS]),
        ("ghcr.io/acme/shop:2", [PolicyVerdict.FAIL]),
        ("ghcr.io/acme/shop:3", [PolicyVerdict.NOT_EVALUABLE]),
    ]
    assert len(proofs) == 1
