"""YAML: bytes → raw documents (`parse`) → nodes with places (`convert`)."""

from auditor.manifests.yaml.convert import (
    Descent,
    Tangled,
    full,
    is_null,
    mapping_at,
    scalar,
    template_text,
    text_of,
)
from auditor.manifests.yaml.parse import Broken, Origin, RawMapping, RawNode, RawScalar, RawSequence, documents

__all__ = [
    "Broken",
    "Descent",
    "Origin",
    "RawMapping",
    "RawNode",
    "RawScalar",
    "RawSequence",
    "Tangled",
    "documents",
    "full",
    "is_null",
    "mapping_at",
    "scalar",
    "template_text",
    "text_of",
]
