"""A fleet to audit: many GitOps repositories that share images, the registries of these images, and what a night changes.

`catalogue` says which images there are and who signs them, `shapes` what repositories look like, `deal` which repository deploys
what, `repositories` writes them as git, `registry` serves the images, `floor` is the least that any client must ask. The measurement
is `python -m benchmarks.fleet`, the model of larger fleets `python -m benchmarks.fleet.model`.
"""
