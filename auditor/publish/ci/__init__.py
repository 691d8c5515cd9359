"""Which CI this is, and what it says about the change: one file per CI. Reads the environment and the event file only."""
