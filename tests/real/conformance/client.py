#!/usr/bin/env python3
"""The auditor as a client under test of sigstore-conformance: the suite's command line protocol → `auditor verify --bundle`.

    pytest … --entrypoint=tests/real/conformance/client.py --skip-signing

Source of the protocol: `docs/cli_protocol.md` of sigstore/sigstore-conformance. Only verifying is spoken; what else is asked for
ends with status 2, and is never taken for a verification.
"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_PACKAGES = [*ROOT.glob(".venv/lib/python3*/site-packages"), Path(sysconfig.get_path("purelib"))]
STAGING = _PACKAGES[0] / "sigstore/_store/https%3A%2F%2Ftuf-repo-cdn.sigstage.dev/trusted_root.json"
"""What Sigstore's staging instance is trusted by: the copy that comes with sigstore-python."""


def translate(arguments: list[str]) -> list[str]:
    """The suite's arguments as ours."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    commands = parser.add_subparsers(required=True)
    verify = commands.add_parser("verify-bundle", allow_abbrev=False)
    verify.add_argument("--bundle", required=True)
    verify.add_argument("--certificate-identity")
    verify.add_argument("--certificate-oidc-issuer")
    verify.add_argument("--key")
    verify.add_argument("--trusted-root")
    verify.add_argument("--staging", action="store_true")
    verify.add_argument("artifact")
    given = vars(parser.parse_args(arguments))
    if given.pop("staging") and given["trusted_root"] is None:
        given["trusted_root"] = str(STAGING)
    options = {name.replace("_", "-"): value for name, value in given.items() if value is not None}
    return ["verify", *(f"--{name}={value}" for name, value in options.items())]


def main() -> None:
    """Become the auditor."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    own = ROOT / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    os.execve(python, [python, "-m", "auditor", *translate(sys.argv[1:])], environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
