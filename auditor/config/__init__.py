"""Floor 1: `auditor.yaml` → rules: schema, loading, name patterns, signer patterns, waivers, baseline."""
