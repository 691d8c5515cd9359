"""The shipped signers: each file is sound and narrow, and the lint refuses what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor import rulebook
from auditor.config.catalog import load_publishers, shipped_publishers
from auditor.config.rules import KeylessSigner
from auditor.errors import ConfigurationError

GOOD = """\
publisher: acme
images: ["ghcr.io/acme/*"]
signers: {github: acme/*}
confirmed: false
source: https://acme.example/security
checked: 2026-03-01
"""


def load(folder: Path, *texts: str) -> None:
    for index, text in enumerate(texts):
        (folder / f"{index}.yaml").write_text(text)
    load_publishers(sorted(folder.iterdir()))


def test_every_shipped_file_is_named_for_its_publisher() -> None:
    paths = list(rulebook.files("signers", ".yaml"))
    assert [path.stem for path in paths] == [publisher.name for publisher in shipped_publishers()]
    assert any(publisher.confirmed for publisher in shipped_publishers())
    for publisher in shipped_publishers():
        assert publisher.signer.name == f"catalog:{publisher.name}"
        assert publisher.rule.signed_by is not None
        assert all(isinstance(pattern, KeylessSigner) for pattern in publisher.signer.patterns)


def test_a_good_file(tmp_path: Path) -> None:
    load(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ghcr.io/acme/*", "ghcr.io/**", "wider than one publisher"),
        ("ghcr.io/acme/*", "**", "wider than one publisher"),
        ("ghcr.io/acme/*", "*.io/acme/*", "wider than one publisher"),
        ("ghcr.io/acme/*", "ghcr.io/acme*", "wider than one publisher"),
        ("ghcr.io/acme/*", "acme/*", "can never match"),
        ("{github: acme/*}", "{github: '*/*'}", "no GitHub repository pattern"),
        ("{github: acme/*}", "{issuer: 'https://a.example', subject: '**'}", "a stranger"),
        ("confirmed: false", "confirmed: no", "true or false"),
        ("https://acme.example/security", "hearsay", "cannot be"),
        ("checked: 2026-03-01", "", "has no `checked`"),
        ("publisher: acme", "publisher: Acme Inc", "cannot be"),
    ],
)
def test_the_lint(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, GOOD.replace(old, new))
    assert any(message in problem.message for problem in raised.value.problems)


def test_two_files_for_one_publisher(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, GOOD, GOOD)
    assert "two files describe acme" in raised.value.problems[0].message


def test_a_file_that_is_no_document(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load(tmp_path, "")
