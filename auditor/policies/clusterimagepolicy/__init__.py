"""sigstore policy-controller's ClusterImagePolicy and TrustRoot, as version 0.15.1 reads them."""
