"""`auditor verify IMAGE…`: everything known about an image, and whether its signer is one we allow. Or about a file."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from auditor.cli import bundle
from auditor.cli.options import (
    Environment,
    add_judging_options,
    add_kyverno_option,
    add_network_options,
    add_report_options,
)
from auditor.model.report import Exit

if TYPE_CHECKING:
    from auditor.config.flags import IdentityFlags

_CLAIM_FLAGS: Final = {
    "trigger": "githubWorkflowTrigger",
    "sha": "githubWorkflowSHA",
    "name": "githubWorkflowName",
    "repository": "githubWorkflowRepository",
    "ref": "githubWorkflowRef",
}
"""`--certificate-github-workflow-<flag>` → the claim it asks for, as cosign has them."""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="everything known about an image: signatures, identities, log entries, refusals",
        description=(
            "Verify images. With identity flags they judge; without, the auditor.yaml found upward from here, else the "
            "catalogue of known publishers; an image nobody speaks about is described (exit 3)."
        ),
    )
    parser.add_argument(
        "image",
        nargs="*",
        metavar="IMAGE",
        help="a reference, as manifests write it, or oci:FOLDER for the images of an OCI layout",
    )
    group = parser.add_argument_group("identity (as in cosign; patterns are anchored at both ends)")
    group.add_argument("--certificate-identity", metavar="SUBJECT", help="the subject, exactly")
    group.add_argument("--certificate-identity-regexp", metavar="RE2", help="the subject, as an RE2 pattern")
    group.add_argument("--certificate-oidc-issuer", metavar="URL", help="the issuer, exactly")
    group.add_argument("--certificate-oidc-issuer-regexp", metavar="RE2", help="the issuer, as an RE2 pattern")
    for flag, claim in _CLAIM_FLAGS.items():
        group.add_argument(f"--certificate-github-workflow-{flag}", metavar="VALUE", help=f"the claim {claim}, exactly")
    group.add_argument(
        "--trusted-root", metavar="FILE", help="trusted_root.json of the Sigstore instance that must vouch"
    )
    engines = parser.add_argument_group("the cluster's policies: which of them would accept the image")
    engines.add_argument(
        "--policies", metavar="PATH", help="a file or folder (default: those of the repository around, if any)"
    )
    add_kyverno_option(engines)
    bundle.add_options(parser)
    add_judging_options(parser)
    add_network_options(parser)
    add_report_options(parser)
    parser.set_defaults(execute=execute)


def execute(options: argparse.Namespace, environment: Environment) -> Exit:
    """Judge each image by the flags, by the rules found, or only describe it; or a file by its bundle."""
    if bundle.asked(options):
        return bundle.execute(options, environment, _flags(options))
    from auditor import single_images
    from auditor.cli import enforcers, output, sources
    from auditor.config.flags import rules_of_flags, with_trusted_root
    from auditor.enforcement import enforced

    wanted = output.destinations(options, environment)
    world = sources.world(options, environment)
    flags = _flags(options)
    rules = (
        rules_of_flags(flags) if flags else sources.rules_found_upward(options).load(world.today, world.shared_rules)
    )
    root = sources.read_option(options.trusted_root, "the trusted root")
    if root is not None:
        rules = with_trusted_root(rules, options.trusted_root, root)
    with enforcers.policies_here(options.policies) as (tree, notes):
        within = replace(rules, policies=()) if options.policies else rules
        policies = enforced(tree, within, world.versions) if tree is not None else None
        report = single_images.verify(tuple(options.image), rules, world, policies, notes)
    output.deliver(report, wanted, options, environment, world.watch)
    return report.exit


def _flags(options: argparse.Namespace) -> IdentityFlags:
    claims = {
        claim: value
        for flag, claim in _CLAIM_FLAGS.items()
        if (value := getattr(options, f"certificate_github_workflow_{flag}")) is not None
    }
    from auditor.config.flags import IdentityFlags

    return IdentityFlags(
        options.certificate_identity,
        options.certificate_identity_regexp,
        options.certificate_oidc_issuer,
        options.certificate_oidc_issuer_regexp,
        claims,
    )
