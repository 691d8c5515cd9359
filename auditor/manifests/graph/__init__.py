"""What a GitOps controller deploys from the tree: Flux Kustomizations, Argo CD Applications, Fleet bundles."""
