"""Rendering with other people's programs: found, fed from a private copy, run in a sandbox, read back with places."""
