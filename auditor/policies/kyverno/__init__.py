"""Kyverno's ways to demand signatures: `verifyImages` rules, and ImageValidatingPolicies in CEL."""
