"""Floor 4: reference → digest → signature bytes. The only door to httpx."""

import sys

# `import httpx` loads its command line too, and with it rich, click and pygments: a tenth of a second of CPU for nothing.
# None makes that one import fail, and httpx goes on without (`httpx/__init__.py`).
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # documented, though not typed: import system, 5.3.1
