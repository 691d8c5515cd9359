"""Which files and entry points of a tree the rules ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from auditor.config.rules import ManifestSettings

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_EVERYTHING: Final = ("**",)


class Chosen(Struct, frozen=True):
    """`manifests.include` and `exclude`: gitignore patterns over files and entry points; None includes all, excludes nothing."""

    include: GitIgnoreSpec | None
    exclude: GitIgnoreSpec | None

    @classmethod
    def of(cls, settings: ManifestSettings) -> Chosen:
        """Compile the patterns of the settings."""
        return cls(
            None if settings.include == _EVERYTHING else _compiled(settings.include),
            _compiled(settings.exclude) if settings.exclude else None,
        )

    @property
    def all(self) -> bool:
        """Whether everything is asked for."""
        return self.include is None and self.exclude is None

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        # The matcher takes UTF-8 only; a name that is none is matched with its odd bytes as unknown characters.
        text = path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        included = self.include is None or self.include.match_file(text)
        return included and (self.exclude is None or not self.exclude.match_file(text))


def _compiled(lines: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - thirty modules that few settings need

    return GitIgnoreSpec.from_lines(lines)
