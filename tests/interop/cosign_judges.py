"""What the real cosign says of samples and attacks: `python -m tests.interop.cosign_judges COSIGN`, JSON on stdout.

Nothing may reach the public servers that cosign asks when left to itself (`tests/interop/stack/home.py`). The registry is started in
here, so that both live in the same network.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from fixtures.hostile.signatures import attacks
from fixtures.registry import OciRegistry, Quirks
from fixtures.sigstore.push import push_signatures
from fixtures.sigstore.samples import samples
from fixtures.sigstore.scene import Scene
from fixtures.sigstore.signed import DSSE_LAYER, Bundle, Stored
from tests.interop.stack.home import stay_home
from tests.interop.stack.programs import surroundings


class Question(Struct, frozen=True):
    """One image to be judged: its reference, and how to ask."""

    kind: str
    name: str
    reference: str
    predicate_type: str | None
    no_log: bool


def main(cosign: str) -> None:
    stay_home()
    with ExitStack() as stack:
        registry = stack.enter_context(OciRegistry())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        scene = Scene(digest=registry.put_image("acme/shop", seed="shop"))
        root = Path(folder) / "trusted_root.json"
        root.write_text(json.dumps(scene.stack.trusted_root()))
        bare = stack.enter_context(OciRegistry(quirks=Quirks(referrers=False)))
        questions = [*_samples(registry, scene), *_samples(bare, scene, "fallback"), *_attacks(registry, scene)]
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(lambda question: _ask(cosign, root, question), questions)
            told = [[asked.kind, asked.name, *answer] for asked, answer in zip(questions, answers, strict=True)]
    sys.stdout.write(json.dumps(told))


def _samples(registry: OciRegistry, scene: Scene, kind: str = "sample") -> list[Question]:
    """Each sample beside an image of its own. Without the referrers API only bundles stand elsewhere: only they are asked."""
    return [
        Question(
            kind,
            sample.name,
            _put(registry, f"samples/{number}", sample.stored),
            sample.predicate_type if sample.attestation else None,
            sample.no_log,
        )
        for number, sample in enumerate(samples(scene))
        if kind == "sample" or isinstance(sample.stored, Bundle)
    ]


def _attacks(registry: OciRegistry, scene: Scene) -> list[Question]:
    """Each for a fresh scene of the same names, so that one attack's log entries are not another's."""
    made = [(attack, attack.make(replace(Scene(), digest=scene.digest))) for attack in attacks()]
    return [
        Question("attack", attack.name, _put(registry, f"attacks/{number}", stored), _legacy(stored), attack.no_log)
        for number, (attack, stored) in enumerate(made)
    ]


def _legacy(stored: Stored) -> str | None:
    """Legacy attestations are asked for by type, which the attacks' are."""
    return (
        "https://sigstore.dev/cosign/sign/v1"
        if not isinstance(stored, Bundle) and stored.media_type == DSSE_LAYER
        else None
    )


def _put(registry: OciRegistry, name: str, stored: Stored) -> str:
    digest = registry.put_image(name, seed="shop")
    push_signatures(registry, name, digest, stored)
    return registry.reference(name, digest=digest)


def _ask(cosign: str, root: Path, question: Question) -> tuple[int, str]:
    """Exit status and last line on stderr. Any identity will do: signatures are asked about, not rules."""
    verb = ["verify-attestation", "--type", question.predicate_type] if question.predicate_type else ["verify"]
    command = [cosign, *verb, "--trusted-root", str(root)]
    command += ["--certificate-identity-regexp", ".*", "--certificate-oidc-issuer-regexp", ".*"]
    if question.no_log:
        command += ["--insecure-ignore-tlog", "--use-signed-timestamps"]
    environment = {**surroundings(), "HOME": str(root.parent), "TUF_ROOT": str(root.parent / "tuf")}
    done = subprocess.run(
        [*command, question.reference], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    main(sys.argv[1])
