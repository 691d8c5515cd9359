"""Objects → references: where each kind of object has them, and how they are put together."""
