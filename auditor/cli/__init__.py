"""Floor 19: one small file per command: arguments in, exit status out, no logic."""
