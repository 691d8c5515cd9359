"""The files of a commit, straight from the object database."""

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from auditor.errors import SourceError
from auditor.limits import DEFAULT
from auditor.source.git import open_repository
from auditor.source.tree import EntryKind, Unreadable
from tests.support.repositories import commit, git, new, write

ODD_NAMES = {
    "-rf": b"dash",
    "a b/c\td.yaml": b"space and tab",
    "line\nbreak.yaml": b"line feed",
    "ünï/cødé.yaml": b"unicode",
    '"quoted".yaml': b"quotes",
    "back\\slash": b"backslash",
    ":(glob)**": b"pathspec magic",
}


@pytest.mark.parametrize("options", [(), ("--object-format=sha256",)])
def test_names_and_bytes_are_exact(tmp_path: Path, options: tuple[str, ...]) -> None:
    files = ODD_NAMES | {"empty": b"", "crlf.yaml": b"a: 1\r\nb: 2\r\n", "binary": bytes(range(256)) * 300}
    folder = new(tmp_path / "r", *options)
    name = commit(folder, files)
    with open_repository(folder) as repository:
        tree = repository.tree(name)
        assert list(tree.entries()) == sorted(files)
        assert {path: tree.read(path) for path in tree.entries()} == files
        assert tree.label == name


def test_a_name_that_is_no_utf_8_survives(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    (folder / "caf\udce9.yaml").write_bytes(b"latin")
    name = commit(folder)
    with open_repository(folder) as repository:
        assert repository.tree(name).read("caf\udce9.yaml") == b"latin"


def test_bytes_are_those_of_the_commit_whatever_attributes_say(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    attributes = "*.yaml text eol=crlf\n*.id ident\n"
    name = commit(folder, {".gitattributes": attributes, "a.yaml": "a: 1\n", "b.id": "$Id$\n"})
    with open_repository(folder) as repository:
        tree = repository.tree(name)
        assert (tree.read("a.yaml"), tree.read("b.id")) == (b"a: 1\n", b"$Id$\n")


def test_symlinks_are_their_target_and_submodules_are_listed_but_not_read(tmp_path: Path) -> None:
    inner = new(tmp_path / "inner")
    commit(inner, {"x": "1"})
    folder = new(tmp_path / "outer")
    (folder / "link").symlink_to("../../etc/passwd")
    git(folder, "submodule", "--quiet", "add", str(inner), "sub/module")
    name = commit(folder)
    with open_repository(folder) as repository:
        tree = repository.tree(name)
        kinds = {path: entry.kind for path, entry in tree.entries().items()}
        assert kinds["link"] is EntryKind.SYMLINK
        assert kinds["sub/module"] is EntryKind.SUBMODULE
        assert tree.read("link") == b"../../etc/passwd"
        assert tree.content_id("sub/module") == git(inner, "rev-parse", "HEAD")
        with pytest.raises(Unreadable, match="sub/module: a submodule"):
            tree.read("sub/module")


def test_two_commits_share_the_identity_of_what_did_not_change_even_where_it_moved(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    before = commit(folder, {"a": "same", "b": "old"})
    git(folder, "mv", "a", "moved")
    after = commit(folder, {"b": "new"})
    with open_repository(folder) as repository:
        one, two = repository.tree(before), repository.tree(after)
        assert one.content_id("a") == two.content_id("moved")
        assert one.content_id("b") != two.content_id("b")


def test_a_path_that_is_not_in_the_tree_is_a_key_error(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    with open_repository(folder) as repository:
        tree = repository.tree(commit(folder, {"a": "1"}))
        for path in ("b", "", "../a", "a/b", "HEAD"):
            with pytest.raises(KeyError):
                tree.read(path)


def test_a_file_beyond_the_limit_is_unreadable_and_the_next_is_read(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    name = commit(folder, {"large": b"x" * 101, "limit": b"x" * 100, "small": b"y"})
    with open_repository(folder, replace(DEFAULT, file_bytes=100)) as repository:
        tree = repository.tree(name)
        with pytest.raises(Unreadable, match="large: 101 bytes"):
            tree.read("large")
        assert tree.read("limit") == b"x" * 100
        assert tree.read("small") == b"y"


def test_a_tree_that_contains_itself_many_times_over_ends_at_the_limit(tmp_path: Path) -> None:
    """Ten levels of ten: 10^10 files in eleven objects."""
    folder = new(tmp_path / "bomb")
    entry = f"100644 blob {git(folder, 'hash-object', '-w', '/dev/null')}\tf"
    for level in range(10):
        listing = entry if level == 0 else "".join(f"040000 tree {entry}\td{n}\n" for n in range(10))
        write(tmp_path, {"listing": listing.rstrip("\n") + "\n"})
        entry = git(folder, "-c", "alias.mk=!git mktree < ../listing", "mk")
    name = git(folder, "commit-tree", entry, "-m", "bomb")
    with open_repository(folder) as repository, pytest.raises(SourceError, match="500,000 files"):
        repository.tree(name).entries()
    with open_repository(folder, replace(DEFAULT, listing_bytes=5000)) as repository, pytest.raises(SourceError):
        repository.tree(name).entries()


def test_a_blob_that_a_partial_clone_lacks_is_unreadable_and_not_fetched(tmp_path: Path) -> None:
    source = new(tmp_path / "source")
    name = commit(source, {"a": "1", "b": "2"})
    git(source, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{source}", "partial")
    with open_repository(tmp_path / "partial") as repository:
        tree = repository.tree(name)
        assert list(tree.entries()) == ["a", "b"]
        for path in ("a", "b"):
            with pytest.raises(Unreadable, match=f"{path}: its content is not in this clone"):
                tree.read(path)
    missing = git(tmp_path / "partial", "rev-list", "--objects", "--missing=print", "HEAD").count("?")
    assert missing == 2


def test_a_damaged_blob_is_unreadable_and_the_next_is_read(tmp_path: Path) -> None:
    folder = new(tmp_path / "r")
    name = commit(folder, {"a": "1", "b": "2"})
    blob = git(folder, "rev-parse", "HEAD:a")
    loose = folder / ".git/objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"garbage")
    with open_repository(folder) as repository:
        tree = repository.tree(name)
        with pytest.raises(Unreadable, match=r"^a: "):
            tree.read("a")
        assert tree.read("b") == b"2"


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    files = {f"f{n}": f"content {n}\n".encode() * (n + 1) for n in range(200)}
    folder = new(tmp_path / "r")
    name = commit(folder, files)
    wrong: list[str] = []
    with open_repository(folder) as repository:
        tree = repository.tree(name)

        def read() -> None:
            wrong.extend(path for path, content in files.items() if tree.read(path) != content)

        threads = [threading.Thread(target=read) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
