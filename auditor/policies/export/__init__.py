"""`auditor.yaml` in the cluster's own languages. What a language cannot say is refused, never approximated."""
