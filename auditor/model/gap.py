"""What a reading of a tree could not see. Nothing is dropped silently."""

from __future__ import annotations

from msgspec import Struct

from auditor.model.place import Place


class Gap(Struct, frozen=True):
    """Something skipped, and what it may hide.

    `what` names the thing ("helm chart", "symlink out of the tree"), `why` the reason in a sentence. `rule` is the slug of
    the incomplete-rule that it breaks (`unrendered`, `unparsable-file`, `templated-reference`), or None where it is only
    worth listing (a submodule, an LFS pointer outside any manifest). `root` is what would have deployed it.
    """

    place: Place
    what: str
    why: str
    rule: str | None = None
    root: str | None = None
    help: str = ""
    image: str | None = None
    given: tuple[str, ...] = ()
    """Files that decide about what is hidden, and are not read for it. `{{}}` in a path is what only a controller knows."""
    content: str = ""
    """A digest of what is read and decides about what is hidden (the values of a chart): what differs hides something else."""
