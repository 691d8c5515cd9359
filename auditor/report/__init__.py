"""Floor 8: a report → text, one file per format. Pure."""
