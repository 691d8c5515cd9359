"""Edits of files that people wrote: where a text stands, what replaces it, and the write. Every other byte is kept."""
