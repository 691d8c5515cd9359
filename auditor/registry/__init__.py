"""Floor 4: reference → digest → signature bytes. The only door to httpx."""
