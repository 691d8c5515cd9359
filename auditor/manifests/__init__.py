"""Floor 3: files → uses: YAML, workloads, the kinds table, Kustomize, opaque text, entry points."""
