"""What `--changed-only` may leave out: which parts of the trees a change can reach."""
