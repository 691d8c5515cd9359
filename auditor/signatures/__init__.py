"""Floor 5: signature bytes → evidence. The only door to sigstore."""
