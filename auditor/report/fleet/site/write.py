"""The files of the site, one after another: what is long is read from the audit or from temporary files as it is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from msgspec.structs import replace

from auditor.model.audit import Audited, Fleet
from auditor.report.escape import html_text
from auditor.report.fleet.ledger import open_ledger
from auditor.report.fleet.site.frame import failure, frame, repository_path
from auditor.report.fleet.site.image import ImageUses, image_pages
from auditor.report.fleet.site.index import index_pages
from auditor.report.html.data import NAME, shown
from auditor.report.html.page import whole_page
from auditor.report.options import RenderOptions

_FORGE: Final = re.compile(r"https://(github|gitlab)\.com(/[A-Za-z0-9._-]+){2,20}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def render(fleet: Fleet, options: RenderOptions) -> Iterator[tuple[str, Iterator[str]]]:
    """`index.html` (and its continuations), `repositories/*.html`, `images/*.html`."""
    with ExitStack() as stack:
        uses = stack.enter_context(ImageUses())
        ledger = stack.enter_context(open_ledger(fleet, uses.add))
        yield from index_pages(fleet, ledger)
        for audited in fleet.repositories():
            yield repository_path(audited.target.name), iter((_repository(fleet, audited, options),))
        yield from image_pages(fleet, uses)


def _repository(fleet: Fleet, audited: Audited, options: RenderOptions) -> str:
    name = audited.target.name
    if audited.report is None:
        return "".join(frame(fleet, name, iter((failure(audited),)), depth=1))
    about = f"{audited.target.address}{f' @ {audited.target.ref}' if audited.target.ref else ''}"
    above = (
        '<nav aria-label="Way back"><p class="was flush"><a href="../index.html">All repositories</a> '
        f"/ {html_text(shown(name, NAME))}: {html_text(shown(about, NAME))}</p></nav>"
    )
    return whole_page(audited.report, replace(options, blob_url=_blob(audited)), above)


def _blob(audited: Audited) -> str | None:
    """Where the lines of a repository can be seen, for the forges whose addresses are known."""
    address = audited.target.address.removesuffix(".git").rstrip("/")
    forge = _FORGE.fullmatch(address)
    if forge is None or not _COMMIT.fullmatch(audited.commit or "") or audited.target.path:
        return None
    return f"{address}/{'-/' if forge[1] == 'gitlab' else ''}blob/{audited.commit}"
