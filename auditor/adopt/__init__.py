"""Adoption: what the registries say about a repository's images → proposed rules, a baseline, and a CI file."""
