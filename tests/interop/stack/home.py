"""Where other people's programs run: a private Sigstore of real servers, and no way to the public one.

Best is a network namespace with nothing but loopback. Where the machine gives nobody one, every way out leads to a closed port:
the programs are told so by the variables that they all heed for proxies. Only real names need the namespace itself.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.interop.stack.issuer import Issuer
from tests.interop.stack.programs import WAYS_OUT, free_port
from tests.interop.stack.sigstore import RealSigstore, real_sigstore
from tests.interop.stack.web import serve
from tests.offline import raise_loopback, refusal

_NOWHERE: Final = "http://127.0.0.1:9"
"""The discard port: nobody answers there."""


def stay_home() -> None:
    """Let nothing that is started from here reach another machine. To be called before there are threads."""
    if os.environ.get("AUDITOR_NO_NAMESPACE") or refusal() is not None:
        own = "127.0.0.1,localhost"
        os.environ.update({name: own if name.lower() == "no_proxy" else _NOWHERE for name in WAYS_OUT})
    else:
        raise_loopback()


@contextmanager
def private_sigstore() -> Iterator[tuple[Path, RealSigstore]]:
    """Real servers and an identity provider of our own on loopback, until the end, and a folder for whatever is kept."""
    stay_home()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = free_port()
        issuer = Issuer(f"http://127.0.0.1:{port}")
        stack.enter_context(serve(issuer.routes, address=("127.0.0.1", port)))
        yield folder, stack.enter_context(real_sigstore(folder, issuer))
