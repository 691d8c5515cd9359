"""Whatever is edited: `git apply` makes of the old file what the edits make of it."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.edit.diff import unified, whole
from auditor.edit.splice import Splice, spliced

lines = st.lists(st.sampled_from([b"a", b"b", b"", b"\r", b"x: 1", b"\xff", b"--- a", b"+++ b", b"@@"]), max_size=30)
paths = st.sampled_from(["f.yaml", "a b/c d.yaml", "ü/x.yaml", 'q"u.yaml', "t\tab.yaml", "back\\slash.yaml"])


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    return b"\n".join(draw(lines)) + draw(st.sampled_from([b"", b"\n"]))


def applied(path: str, before: bytes | None, diff: bytes) -> bytes | None:
    """What git makes of a file in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path
        if before is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(before)
        done = subprocess.run(["git", "apply", "-"], cwd=folder, input=diff, capture_output=True, check=False)
        assert done.returncode == 0, (done.stderr, diff)
        return file.read_bytes() if file.exists() else None


@given(paths, contents(), st.data())
@settings(max_examples=60, deadline=None)
def test_edits_as_a_diff(path: str, before: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(before)), min_size=2, max_size=8)))
    texts = st.sampled_from([b"", b"@sha256:x", b"new\n", b"  new: 1\n", b"\n", b"two\nlines\n"])
    splices = [Splice(a, b, data.draw(texts)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    after = spliced(before, splices)
    diff = unified(path, before, splices)
    assert (diff == b"") == (after == before)
    if diff:
        assert (applied(path, before, diff) or b"") == after


@given(paths, st.none() | contents(), contents())
@settings(max_examples=60, deadline=None)
def test_a_file_written_anew_as_a_diff(path: str, before: bytes | None, after: bytes) -> None:
    diff = whole(path, before, after)
    assert (diff == b"") == (after == (before or b""))
    if diff:
        assert (applied(path, before, diff) or b"") == after
