"""What people write → the targets of an audit."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import ConfigurationError, UsageError
from auditor.fleet.repositories_file import read_repositories
from auditor.fleet.targets import Wish, parse_targets
from auditor.limits import DEFAULT
from auditor.model.audit import Target
from auditor.source.addresses import read_address, redacted
from tests.support.repositories import commit, new


def names(*texts: str | Wish) -> list[str]:
    return [target.name for target in parse_targets(texts, {}).targets.found]


def only(text: str | Wish) -> Target:
    (target,) = parse_targets([text], {}).targets.found
    return target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("https://github.com/acme/apps", Target("acme/apps", "https://github.com/acme/apps")),
        ("https://github.com/acme/apps.git/", Target("acme/apps", "https://github.com/acme/apps.git/")),
        ("https://GitHub.com:443/acme/apps", Target("acme/apps", "https://github.com/acme/apps")),
        ("git@github.com:acme/apps.git", Target("acme/apps", "git@github.com:acme/apps.git")),
        ("ssh://git@git.acme.example:2222/a/b/c", Target("a/b/c", "ssh://git@git.acme.example:2222/a/b/c")),
        ("http://127.0.0.1:8080/acme/apps", Target("acme/apps", "http://127.0.0.1:8080/acme/apps")),
        ("file:///srv/acme/apps.git", Target("srv/acme/apps", "file:///srv/acme/apps.git")),
        ("https://github.com/acme/apps#main", Target("acme/apps@main", "https://github.com/acme/apps", "main")),
        (
            "https://github.com/acme/apps#release/2:/clusters/prod/",
            Target("acme/apps@release/2:clusters/prod", "https://github.com/acme/apps", "release/2", "clusters/prod"),
        ),
        (
            "git@github.com:acme/apps#:clusters",
            Target("acme/apps:clusters", "git@github.com:acme/apps", None, "clusters"),
        ),
        ("github:acme/apps", Target("acme/apps", "https://github.com/acme/apps.git")),
        ("github:acme/apps#v1:x", Target("acme/apps@v1:x", "https://github.com/acme/apps.git", "v1", "x")),
    ],
)
def test_addresses(text: str, target: Target) -> None:
    assert only(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "http://git.acme.example/x",
        "git://git.acme.example/x",
        "ext::sh -c true",
        "https://",
        "https://git.acme.example",
        "https://git.acme.example/x?private_token=abc",
        "https://git.acme.example/a%0ab",
        "https://git.acme.example:99999/x",
        "ssh://-oProxyCommand=true/x",
        "ssh://-l@git.acme.example/x",
        "-oProxyCommand=x@h:y",
        "host:-x",
        "file://elsewhere/srv/x",
        "github:",
        "github:acme/apps/more",
        "github:-acme",
        "github:../../x",
        "gitlab:acme//x",
        "https://git.acme.example/x#-x",
        "https://git.acme.example/x#main:../../etc",
        "https://git.acme.example/x#ma in",
        "#main",
        "no\0folder",
        "https://git.acme.example/\u202ex",
    ],
)
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError):
        parse_targets([text], {})


def test_a_folder_that_is_not_there_is_a_target_that_fails(tmp_path: Path) -> None:
    """It must not keep the audit from reading the others."""
    (target,) = parse_targets([f"{tmp_path}/no/such/folder"], {}).targets.found
    assert target.address == f"{tmp_path}/no/such/folder"


def test_a_password_is_nowhere_but_in_the_logins() -> None:
    chosen = parse_targets(["https://ci:s3cret%40@git.acme.example/acme/apps", "https://t0ken@git.acme.example/b"], {})
    assert "s3cret" not in repr(chosen)
    assert "t0ken" not in repr(chosen)
    assert [target.address for target in chosen.targets.found] == [
        "https://git.acme.example/acme/apps",
        "https://git.acme.example/b",
    ]
    assert chosen.logins["https://git.acme.example/acme/apps"].password == "s3cret@"
    assert chosen.logins["https://git.acme.example/b"].user == "t0ken"
    assert all("use a credential helper" in note for note in chosen.targets.notes)
    for text in ("https://ci:s3cret@git.acme.example/x?y", "ftp://ci:s3cret@git.acme.example/x", "ssh://a:s3cret@h"):
        with pytest.raises(UsageError) as raised:
            parse_targets([text], {})
        assert "s3cret" not in f"{raised.value} {raised.value.help}"
    assert "s3cret" not in only("ssh://git:s3cret@git.acme.example/x").address


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = new(tmp_path / "infra")
    commit(top, {"clusters/prod/a.yaml": "x"})
    (tmp_path / "plain" / "sub").mkdir(parents=True)
    (tmp_path / "odd#name").mkdir()
    monkeypatch.chdir(tmp_path)
    assert only("infra") == Target("infra", str(top))
    assert only("./infra/") == Target("infra", str(top))
    assert only("infra/clusters/prod") == Target("infra:clusters/prod", str(top), None, "clusters/prod")
    assert only("infra/clusters#main:prod") == Target("infra@main:clusters/prod", str(top), "main", "clusters/prod")
    assert only("plain/sub") == Target("plain/sub", str(tmp_path / "plain" / "sub"))
    assert only("odd#name") == Target("odd#name", str(tmp_path / "odd#name"))
    monkeypatch.chdir(top / "clusters")
    assert only(".") == Target("infra:clusters", str(top), None, "clusters")


def test_names_tell_targets_apart_and_the_same_one_counts_once() -> None:
    assert names(
        "https://github.com/acme/apps",
        "https://gitlab.com/acme/apps",
        "https://github.com/acme/apps.git",
        "git@github.com:acme/apps",
        "https://github.com/acme/apps#main",
        "https://github.com/acme/infra",
    ) == ["github.com/acme/apps", "gitlab.com/acme/apps", "acme/apps@main", "acme/infra"]
    with pytest.raises(UsageError, match="two targets are called"):
        names(
            Wish("file:///a", name="x"), Wish("file:///a/x", name="x"), Wish("https://h.example/q", name="file:///a/x")
        )


def test_several_revisions_and_folders() -> None:
    wish = Wish("https://github.com/acme/apps", refs=("main", "next"), paths=("clusters/prod", "clusters/staging"))
    assert names(wish) == [
        "acme/apps@main:clusters/prod",
        "acme/apps@main:clusters/staging",
        "acme/apps@next:clusters/prod",
        "acme/apps@next:clusters/staging",
    ]


def test_servers_of_ones_own() -> None:
    text = "github:acme/apps"
    for variables, address in (
        ({"GH_HOST": "git.acme.example"}, "https://git.acme.example/acme/apps.git"),
        ({"GITHUB_API_URL": "https://git.acme.example/api/v3"}, "https://git.acme.example/acme/apps.git"),
        (
            {"GITHUB_API_URL": "https://api.github.com", "GITHUB_SERVER_URL": "https://github.com"},
            "https://github.com/acme/apps.git",
        ),
        ({"GITHUB_API_URL": "https://api.github.com"}, "https://github.com/acme/apps.git"),
    ):
        (target,) = parse_targets([text], variables).targets.found
        assert target.address == address


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_a_mistake_of_the_user(text: str) -> None:
    with suppress(UsageError):
        parse_targets([text.replace("github:", "").replace("gitlab:", "")], {})


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=6).filter(lambda t: "/" not in t))
def test_what_is_before_an_at_sign_is_never_shown(secret: str) -> None:
    cleaned = secret.replace("'", "").replace('"', "").replace("@", "") + "-s3cret"
    text = f"fatal: unable to access 'https://ci:{cleaned}@git.acme.example/apps/': refused"
    assert cleaned not in redacted(text)
    assert cleaned not in told(f"https://ci:{cleaned}@git.acme.example/apps")


def told(address: str) -> str:
    """What is shown of an address, or of why it is none."""
    try:
        return read_address(address).url
    except UsageError as error:
        return f"{error} {error.help}"


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def of_file(folder: Path, content: str, name: str = "repos.yaml") -> list[Target]:
    file = folder / name
    file.write_text(content)
    return list(parse_targets(read_repositories(file), {}).targets.found)


def test_yaml_and_lines_and_folders_beside_the_file(tmp_path: Path) -> None:
    new(tmp_path / "infra")
    found = of_file(
        tmp_path,
        """repositories:
- https://github.com/acme/apps#main
- url: https://github.com/acme/b
  refs: [main, 1.10]
  path: clusters/prod
- {github: acme/c, paths: [x, y]}
- {path: infra, name: ours}
""",
    )
    assert [target.name for target in found] == [
        "acme/apps@main",
        "acme/b@main:clusters/prod",
        "acme/b@1.10:clusters/prod",
        "acme/c:x",
        "acme/c:y",
        "ours",
    ]
    assert found[-1].address == str(tmp_path / "infra")
    lines = "# ours\n\nhttps://github.com/acme/apps#main\n  infra\n"
    assert [target.name for target in of_file(tmp_path, lines, "repos.txt")] == ["acme/apps@main", "infra"]
    assert of_file(tmp_path, '{"repositories": ["github:acme/c"]}', "repos")[0].name == "acme/c"


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (
            """repositories:
- git://git.acme.example/x
- {github: acme, url: https://git.acme.example/x}
- {name: nothing}
- {urll: https://git.acme.example/x}
- {url: https://git.acme.example/x, ref: a, refs: [b]}
- {url: https://git.acme.example/x, ref: -x}
- {url: "https://git.acme.example/x#main", ref: a}
- {url: https://git.acme.example/x, paths: [../x]}
- [1]
""",
            [2, 3, 4, 5, 5, 6, 7, 8, 9, 10],
        ),
        ("repositories: []\n", [1]),
        ("repositories:\n- a: [\n", [3]),
        ("repos: x\n---\n", [2]),
        ("# nothing\n", [0]),
        ("https://git.acme.example/x\ngit://x/y\n\ngit://z\n", [2, 4]),
    ],
    ids=["mappings", "empty", "syntax", "documents", "comments", "lines"],
)
def test_every_mistake_is_told_with_its_line(tmp_path: Path, content: str, lines: list[int]) -> None:
    (tmp_path / "repos").write_text(content)
    with pytest.raises(ConfigurationError) as raised:
        read_repositories(tmp_path / "repos")
    assert [problem.line for problem in raised.value.problems] == lines
    assert all(problem.help for problem in raised.value.problems)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_repositories(tmp_path / "missing")
    (tmp_path / "large").write_bytes(b"#" * (DEFAULT.repositories_bytes + 1))
    with pytest.raises(ConfigurationError):
        read_repositories(tmp_path / "large")
    (tmp_path / "latin").write_bytes(b"x\n\xff\n")
    with pytest.raises(ConfigurationError) as raised:
        read_repositories(tmp_path / "latin")
    assert [problem.line for problem in raised.value.problems if "UTF-8" in problem.message] == [2]
