"""Mistakes in the cluster's own policies, found without asking anybody: one file for each lint, named like its page."""
