"""What the tests of the policies share: policies from text, images with made signatures, and what is said of them."""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime

from auditor.model.evidence import Evidence, Resolved
from auditor.model.reference import Digest, Reference
from auditor.model.report import PolicyVerdict
from auditor.policies.found import find_policies
from auditor.policies.inspected import ANY_POD, Inspected, Resource
from auditor.policies.load import Loaded, load_policies
from auditor.policies.proofs import Proofs
from auditor.policies.ruling import Judgment, side_by_side
from auditor.registry.material import Listing
from auditor.signatures.root import Root
from auditor.source.memory import MemoryTree
from fixtures.sigstore import Sigstore
from fixtures.sigstore.material import as_material
from fixtures.sigstore.scene import IMAGE
from fixtures.sigstore.signed import Stored

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGEST = Digest.parse(IMAGE)


def load_text(*texts: str, **files: str) -> Loaded:
    """The policies of these YAML texts, as if each were a file of a tree."""
    tree = {f"policies/{number}.yaml": textwrap.dedent(text).encode() for number, text in enumerate(texts)}
    tree.update({f"policies/{name}.yaml": text.encode() for name, text in files.items()})
    return load_policies(find_policies(MemoryTree(tree, "test")))


def image_of(
    text: str,
    stored: Iterable[Stored] = (),
    *,
    resources: tuple[Resource, ...] = (ANY_POD,),
    listing: Listing | None = None,
    digest: Digest = DIGEST,
) -> Inspected:
    """An image whose signatures are these."""
    if listing is None:
        listing = Listing(tuple(as_material(each) for each in stored))
    return Inspected(text, Reference.parse(text), Evidence(Resolved(digest)), listing, resources)


def judgments(loaded: Loaded, image: Inspected, public: Root | None = None) -> tuple[Judgment, ...]:
    """A row of the table."""
    return side_by_side(loaded.policies, image, Proofs(public, NOW))


def said(loaded: Loaded, image: Inspected, public: Root | None = None) -> tuple[PolicyVerdict, str]:
    """What the only policy says of the image, and why."""
    (judgment,) = judgments(loaded, image, public)
    return judgment.ruling.verdict, judgment.ruling.why


def trust_root(stack: Sigstore, name: str = "private", *, without: tuple[str, ...] = ()) -> str:
    """The TrustRoot document of a made deployment."""
    files = {part: base64.b64encode(pem).decode() for part, pem in stack.pem_files().items() if part not in without}
    lines = [
        "apiVersion: policy.sigstore.dev/v1alpha1",
        "kind: TrustRoot",
        f"metadata: {{name: {name}}}",
        "spec:",
        "  sigstoreKeys:",
        "    certificateAuthorities:",
        "    - subject: {organization: acme, commonName: acme}",
        "      uri: https://fulcio.acme.example",
        f"      certChain: {files['fulcio']}",
    ]
    for part, field in (("rekor", "tLogs"), ("ctlog", "ctLogs")):
        if part in files:
            lines += [
                f"    {field}:",
                f"    - baseURL: https://{part}.acme.example",
                "      hashAlgorithm: sha-256",
                f"      publicKey: {files[part]}",
            ]
    if "tsa" in files:
        lines += [
            "    timestampAuthorities:",
            "    - subject: {organization: acme, commonName: acme}",
            "      uri: https://tsa.acme.example",
            f"      certChain: {files['tsa']}",
        ]
    return "\n".join(lines) + "\n"
