"""Floor 6: what the cluster's own policies would say of an image at admission, each in its own language.

Nothing here asks anybody: files come from a tree, signature bytes from the registry's floor, the time is given. A reading is
never kinder than its engine: what cannot be evaluated is `not-evaluable` with the reason, never `pass`.
"""
