"""What deploys images that no manifest of the tree says: programs, templates, catalogues. Each is a gap."""
