"""Charts: read, fed with the values that a release gives them, rendered by the real helm, traced back to their lines."""
