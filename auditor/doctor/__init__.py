"""What a run will find on this machine: credentials, trust, renderers, clock, cache, rules, and what to do about each."""
