"""Reports of an audit: pure writers over a `Fleet`, which is larger than memory. Each goes through it once, or a few times."""
