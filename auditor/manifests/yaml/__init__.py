"""YAML: bytes → raw documents (`parse`) → nodes with places (`convert`)."""

from auditor.manifests.yaml.convert import (
    Descent,
    Tangled,
    full,
    is_merge,
    is_null,
    mapping_at,
    scalar,
    template_text,
    text_of,
)
from auditor.manifests.yaml.parse import (
    Broken,
    Origin,
    RawMapping,
    RawNode,
    RawScalar,
    RawSequence,
    chunks,
    composed,
    documents,
)

__all__ = [
    "Broken",
    "Descent",
    "Origin",
    "RawMapping",
    "RawNode",
    "RawScalar",
    "RawSequence",
    "Tangled",
    "chunks",
    "composed",
    "documents",
    "full",
    "is_merge",
    "is_null",
    "mapping_at",
    "scalar",
    "template_text",
    "text_of",
]
