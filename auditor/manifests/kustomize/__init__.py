"""Kustomize, read with the lines kept: a sound superset of what `kustomize build` deploys.

Not a renderer: only what can change an image is carried out (resources, components, generators, patches, images,
replacements, names as far as patches look for them), on nodes that remember where they are written. Where kustomize
would fail, everything that it might have built is kept and the failure is a gap.
"""
