"""How forges say where the next page of a listing is. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from auditor.registry.exchange import Reply

_LINK: Final = re.compile(r"<([^<>]{1,2000})>\s*;([^,]{0,500})")


def next_page(reply: Reply, body: Any) -> tuple[list[Any], str | None]:
    """The items of a page and the address of the next one: a `Link` header (RFC 8288) with a list, or Bitbucket's `next`."""
    if isinstance(body, dict):
        values, following = body.get("values"), body.get("next")
        return values if isinstance(values, list) else [], following if isinstance(following, str) else None
    return body if isinstance(body, list) else [], _following(reply.headers.get("link", ""))


def _following(header: str) -> str | None:
    return next((url for url, more in _LINK.findall(header) if re.search(r'\brel="?next"?', more)), None)
