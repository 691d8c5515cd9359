"""CPU of judging many images by many policies, engine by engine; evidence is at hand, nothing is fetched.

    python -m benchmarks.policies [--images 1000] [--policies 50] [--rounds 3] [--engine kyverno]

Every image has a digest, a workload and a signature of its own (one in ten has none, one in ten a stranger's). *All*: every
policy speaks about every image; *own*: each about its own team's. *Signatures* is what each one is worth under the grounds of
the policies, once; *judging* is the table itself, `auditor.policies.table`, in a world that knows that already: the fastest
round counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from auditor.model.evidence import Evidence, Resolved
from auditor.model.place import Place
from auditor.model.reference import Digest, Reference
from auditor.model.use import Use, Workload
from auditor.policies.found import find_policies
from auditor.policies.load import Loaded, load_policies
from auditor.policies.proofs import Proofs
from auditor.policies.table import Table as Rows
from auditor.registry.material import Listing
from auditor.signatures.root import Root, parse_root
from auditor.source.memory import MemoryTree
from benchmarks.table import Table
from fixtures.sigstore import GITHUB_ISSUER, Sigstore, github, sig_layer
from fixtures.sigstore.material import as_material

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
_TEAMS: Final = 25
WHO = github("acme/app")

CLUSTER_POLICY: Final = """\
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {{name: signed-{number}}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: signed
    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}
    exclude: {{any: [{{resources: {{namespaces: [kube-system]}}}}]}}
    verifyImages:
    - imageReferences: ["{glob}"]
      attestors:
      - entries:
        - keyless: {{issuer: "{issuer}", subject: "{subject}*", rekor: {{url: "https://rekor.sigstore.dev"}}}}
"""
IMAGE_VALIDATING_POLICY: Final = """\
apiVersion: policies.kyverno.io/v1
kind: ImageValidatingPolicy
metadata: {{name: signed-{number}}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}}]
  matchImageReferences: [{{glob: "{glob}"}}]
  attestors:
  - name: acme
    cosign: {{keyless: {{identities: [{{issuer: "{issuer}", subjectRegExp: "^{subject}"}}]}}}}
  validations:
  - expression: images.containers.map(image, verifyImageSignatures(image, [attestors.acme])).all(count, count > 0)
    message: not signed
"""
CLUSTER_IMAGE_POLICY: Final = """\
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: signed-{number}}}
spec:
  images: [{{glob: "{glob}*"}}]
  authorities:
  - keyless: {{identities: [{{issuer: "{issuer}", subjectRegExp: "^{subject}"}}]}}
"""
ENGINES: Final[Mapping[str, tuple[str, ...]]] = {
    "clusterpolicy": (CLUSTER_POLICY,),
    "imagevalidatingpolicy": (IMAGE_VALIDATING_POLICY,),
    "clusterimagepolicy": (CLUSTER_IMAGE_POLICY,),
    "mixed": (CLUSTER_POLICY, IMAGE_VALIDATING_POLICY, CLUSTER_IMAGE_POLICY),
}


class Scene(Struct, frozen=True):
    """What is deployed and what is known of it: uses, evidence by reference, signatures by repository and digest."""

    uses: tuple[Use, ...]
    evidence: Mapping[str, Evidence]
    listings: Mapping[tuple[str, Digest], Listing]
    public: Root

    def judge(self, loaded: Loaded, proofs: Proofs) -> int:
        """Judge every image by every policy; how many cells the table has."""
        rows = Rows(loaded.policies, self.uses, self.listings, lambda: proofs).rows(self.evidence)
        return sum(len(row) for row in rows.values())


def scene(images: int) -> Scene:
    """That many images, spread over the teams."""
    stack = Sigstore()
    uses, evidence, listings = [], {}, {}
    for number in range(images):
        text = f"ghcr.io/acme/team-{number % _TEAMS}/app-{number}:1.0"
        digest = Digest.of(text.encode())
        uses.append(_use(text, number))
        evidence[text] = Evidence(Resolved(digest))
        listings[Reference.parse(text).name, digest] = _listing(stack, digest, number)
    return Scene(tuple(uses), evidence, listings, parse_root(json.dumps(stack.trusted_root()), "public-good"))


def _use(text: str, number: int) -> Use:
    name = f"app-{number}"
    workload = Workload("Deployment", name, f"team-{number % _TEAMS}", "apps/v1", {"app": name})
    place = Place(f"apps/{name}.yaml", 12, 16, "spec.template.spec.containers[0].image")
    return Use(text, place, workload, "app")


def _listing(stack: Sigstore, digest: Digest, number: int) -> Listing:
    if number % 10 == 0:
        return Listing(())
    who = github("stranger/app") if number % 10 == 1 else WHO
    return Listing((as_material(sig_layer(stack.sign(str(digest), who, AT))),))


def policies(engine: str, count: int, *, own: bool) -> Loaded:
    """That many policies of an engine (or of all three), about all images or each about one team's."""
    kinds = ENGINES[engine]
    files = {
        f"policies/{number}.yaml": kinds[number % len(kinds)]
        .format(
            number=number,
            glob=f"ghcr.io/acme/team-{number % _TEAMS}/*" if own else "ghcr.io/acme/*",
            issuer=GITHUB_ISSUER,
            subject="https://github.com/acme/",
        )
        .encode()
        for number in range(count)
    }
    loaded = load_policies(find_policies(MemoryTree(files, "benchmark")))
    assert not loaded.mistakes, loaded.mistakes
    return loaded


def cpu(run: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--policies", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES)
    options = parser.parse_args()
    made = scene(options.images)
    result = Table(
        f"{options.images} images x {options.policies} policies, fastest of {options.rounds}",
        ("engine", "about", "loading CPU s", "signatures CPU s", "judging CPU s", "µs/cell"),
    )
    for engine in [options.engine] if options.engine else ENGINES:
        for own in (False, True):
            result.add(engine, "own" if own else "all", *_measure(made, engine, options, own=own))
    result.show()


def _measure(made: Scene, engine: str, options: argparse.Namespace, *, own: bool) -> tuple[float, ...]:
    loading = cpu(lambda: policies(engine, options.policies, own=own))
    one = policies(engine, len(ENGINES[engine]), own=False)
    signatures, judging = [], []
    for _ in range(options.rounds):
        proofs = Proofs(made.public, NOW)
        signatures.append(cpu(lambda: made.judge(one, proofs)))  # noqa: B023 - called at once
        loaded = policies(engine, options.policies, own=own)  # new objects: nothing that a policy keeps is kept
        judging.append(cpu(lambda: made.judge(loaded, proofs)))  # noqa: B023 - called at once
    return loading, min(signatures), min(judging), min(judging) / (options.images * options.policies) * 1e6


if __name__ == "__main__":
    main()
