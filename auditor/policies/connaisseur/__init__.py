"""Connaisseur, as version 3.10 reads the Helm values of its chart (cosign 2.6)."""
