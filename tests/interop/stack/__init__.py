"""A private Sigstore of real servers on loopback, and the real programs that sign with it. Start reading at `sigstore.py`."""
