"""`auditor verify --bundle FILE --artifact FILE|sha256:…`: a file instead of an image. No network beyond the trust root."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from auditor.cli.options import Environment
from auditor.errors import UsageError
from auditor.limits import DEFAULT
from auditor.model.reference import Digest
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.config.flags import IdentityFlags
    from auditor.config.rules import Rules

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that make `verify` judge a file."""
    group = parser.add_argument_group("a file instead of an image")
    group.add_argument("--bundle", metavar="FILE", help="the Sigstore bundle, or several, one a line")
    group.add_argument(
        "--artifact", metavar="FILE|DIGEST", help="what the bundle must be about: a file, or sha256:<64 hex digits>"
    )
    group.add_argument(
        "--key", metavar="FILE", help="the public key (PEM) that must have signed, in place of an identity"
    )


def asked(options: argparse.Namespace) -> bool:
    """Whether a file is to be judged. Raises UsageError where it is not clear what is."""
    if not options.bundle and not options.artifact and not options.key:
        if not options.image:
            raise UsageError("nothing to verify", help="name an image, or give --bundle and --artifact")
        return False
    if options.key and options.image:
        raise UsageError(
            "--key is for a bundle, and an image was named",
            help="name the key of an image in auditor.yaml: signers: {release: {key: cosign.pub}}",
        )
    if not options.bundle or not options.artifact:
        raise UsageError("--bundle and --artifact (and --key) go together", help="give the bundle and what it is about")
    if options.image:
        raise UsageError("either images or one bundle", help="leave out the images, or --bundle and --artifact")
    return True


def execute(options: argparse.Namespace, environment: Environment, flags: IdentityFlags) -> Exit:
    """Judge one bundle for one file."""
    from auditor import single_images
    from auditor.cli import output, sources

    wanted = output.destinations(options, environment)
    world = sources.world(options, environment)
    rules = _rules(options, flags)
    artifact = _artifact(options.artifact)
    # One byte more than a bundle may have: a longer one is refused as what it is, malformed.
    bundle = _read(options.bundle, "the bundle", DEFAULT.blob_bytes + 1)
    report = single_images.verify_file(options.artifact, artifact, _bundles(bundle), rules, world)
    output.deliver(report, wanted, options, environment, world.watch)
    return report.exit


def _rules(options: argparse.Namespace, flags: IdentityFlags) -> Rules:
    from auditor.cli import sources
    from auditor.config.flags import rules_of_flags, rules_of_key, with_trusted_root
    from auditor.config.rules import Rules

    key = sources.read_option(options.key, "the key")
    if key is not None and flags:
        raise UsageError("--key and an identity exclude each other", help="give one of them")
    rules = (
        rules_of_key(options.key, key) if key is not None else rules_of_flags(flags) if flags else Rules("command line")
    )
    root = sources.read_option(options.trusted_root, "the trusted root")
    return rules if root is None else with_trusted_root(rules, options.trusted_root, root)


def _bundles(content: bytes) -> tuple[bytes, ...]:
    """One bundle, or one in each line, as `gh attestation download` writes them."""
    lines = [line for line in map(bytes.strip, content.split(b"\n")) if line]
    if len(lines) < 2 or not all(line.startswith(b"{") and line.endswith(b"}") for line in lines):
        return (content,)
    if len(lines) > DEFAULT.signatures:
        raise UsageError(f"the file holds more than {DEFAULT.signatures} bundles", help="give those that matter")
    return tuple(lines)


def _artifact(text: str) -> bytes | Digest:
    """A digest, unless there is a file of that name."""
    if _DIGEST.fullmatch(text) and not Path(text).exists():
        return Digest.parse(text)
    content = _read(text, "the artifact", DEFAULT.artifact_bytes + 1)
    if len(content) > DEFAULT.artifact_bytes:
        raise UsageError(
            f"the artifact is larger than {DEFAULT.artifact_bytes >> 20} MiB", help="give its digest: sha256:…"
        )
    return content


def _read(path: str, what: str, most: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(most)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"cannot read {what} {path}: {why}", help="check the path and its permissions") from error
