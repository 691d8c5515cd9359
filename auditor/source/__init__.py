"""Floor 2: the files of a commit, a folder or standard input, and what changed. The only door to git."""
