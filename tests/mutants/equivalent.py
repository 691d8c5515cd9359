"""Mutants that loosen nothing, and why: another statement refuses the same, or the case cannot occur."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

EQUIVALENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "log.read_checkpoint: `not separator` not asked in `not separator or '\\n\\n' in block or (not block.endswith('\\n')) or (len(lines) < 3) or (not lines[0])`": "Without a separator the block of signatures is empty, and so does not end in a line break.",
        "log.read_checkpoint: `'\\n\\n' in block` not asked in `not separator or '\\n\\n' in block or (not block.endswith('\\n')) or (len(lines) < 3) or (not lines[0])`": "A blank line in the block of signatures is refused as a malformed signature line.",
        "log.read_checkpoint: `len(root) != _HASH_BYTES` not asked in `int(lines[1]) != proof.size or root != proof.root or len(root) != _HASH_BYTES`": "It must equal the root of the proof, which the parser takes with 32 bytes only.",
        "timestamp.Stamper._signed: `return any((signer.issuer == own.issuer and signer.serial_number == own.serial_number for signer in signers))` says yes": "It spares work: a stamp by somebody else does not verify with this authority's certificate.",
        "bundle._spell_out: `return bool(missing or numbers)` says yes": "No check: it says whether the JSON must be written anew, and written anew it says the same.",
        "legacy.entry_body: `not body` not asked in `not body or len(body) > limits.log_entry_bytes`": "The text is not empty where it comes from, and base64 in its one spelling gives at least one byte.",
        "sigstore_python.can_judge: `bool(root.logs and root.ct_logs)` not asked in `entry.kind in kinds and bool(root.logs and root.ct_logs) and all((log.hashed for log in root.ct_logs.values()…`": "It asks sigstore-python more often, which refuses every signature under such a root.",
        "sigstore_python.can_judge: `not _has_other_name(candidate.leaf)` not asked in `entry.kind in kinds and bool(root.logs and root.ct_logs) and all((log.hashed for log in root.ct_logs.values()…`": "It asks sigstore-python more often, whose path validation refuses such names.",
        "sigstore_python.can_judge: `all((log.hashed for log in root.ct_logs.values()))` not asked in `entry.kind in kinds and bool(root.logs and root.ct_logs) and all((log.hashed for log in root.ct_logs.values()…`": "It asks sigstore-python more often: its answer can only refuse what the recipe has accepted.",
        "sigstore_python.can_judge: `len(candidate.timestamps) <= _MOST_STAMPS` not asked in `entry.kind in kinds and bool(root.logs and root.ct_logs) and all((log.hashed for log in root.ct_logs.values()…`": "It asks sigstore-python more often: its answer can only refuse what the recipe has accepted.",
    }
)
"""The name of the mutant → why it accepts nothing that the original refuses."""
