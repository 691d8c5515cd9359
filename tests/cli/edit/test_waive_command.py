"""`auditor waive`: the rules file says what it said, and the waiver; every byte outside the addition is what it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.house import House, Ran
from tests.support.repositories import git

UNTIL = (datetime.now(UTC) + timedelta(days=30)).date()
LATE = UNTIL + timedelta(days=400)
PAST = UNTIL - timedelta(days=60)


def waive(house: House, *arguments: str, image: str = "", until: object = UNTIL) -> Ran:
    image = image or house.images.ref("unsigned")
    said = ("waive", image, "--until", str(until), "--owner", "platform-team", "--reason", 'moves: "soon" # 1')
    return house.run(*said, *arguments).clean_of_tracebacks()


def rules(house: House) -> str:
    return (house.repo / "auditor.yaml").read_bytes().decode()


def entry(house: House) -> str:
    name = f"{house.images.registry.host}/acme/unsigned"
    return f'{{image: "{name}", rule: unsigned-image, until: {UNTIL}, owner: "platform-team", reason: "moves: \\"soon\\" # 1"}}'


OLD = "{image: ghcr.io/acme/old, rule: latest-tag, until: 2026-01-01, owner: us, reason: r}"
SECTIONS = {
    "none": ("", "", "waivers:\n  - {new}\n"),
    "flow items": (f"waivers:\n- {OLD} # why\n# end\n", "# end\n", "- {new}\n"),
    "indented": (f"waivers:\n    -   {OLD}\n\nrules: {{latest-tag: note}}\n", "\nrules", "    -   {new}\n"),
    "empty list": ("waivers: []  # none yet\n", "]  # none", "{new}"),
    "flow list": (f"waivers: [{OLD}]\n", "]\n", ", {new}"),
    "no end": (f"waivers:\n- {OLD}", "", "\n- {new}"),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("form", SECTIONS)
def test_nothing_but_the_addition_changes(house: House, form: str, newline: str) -> None:
    section, behind, added = SECTIONS[form]
    before = f"# ours\n{house.images.rules()}" + section
    head, sep, rest = before.rpartition(behind) if behind else (before, "", "")
    expected = (head + added.format(new=entry(house)) + sep + rest).replace("\n", newline)
    house.commit_base({"auditor.yaml": before.replace("\n", newline), "old.yaml": house.images.pod("unsigned")})
    done = waive(house)
    assert done.status == 0, done.err
    assert rules(house) == expected
    assert "unsigned-image" in done.out
    checked = house.run("check", ".", "-f", "json").clean_of_tracebacks()
    assert checked.finding("unsigned-image")["waived"]["owner"] == "platform-team"


def test_block_items_stay_block(house: House) -> None:
    block = "waivers:\n  # first\n  - image: ghcr.io/acme/old\n    rule: latest-tag\n    until: 2026-01-01\n    owner: us\n    reason: >-\n      long\n      text\n"
    house.commit_base({"auditor.yaml": house.images.rules(block)})
    assert waive(house).status == 0
    name = f"{house.images.registry.host}/acme/unsigned"
    assert rules(house) == house.images.rules(block) + (
        f'  - image: "{name}"\n    rule: unsigned-image\n    until: {UNTIL}\n    owner: "platform-team"\n'
        '    reason: "moves: \\"soon\\" # 1"\n'
    )


@pytest.mark.parametrize("between", ["", "\n", "  # tail\n"], ids=["none", "blank", "comment"])
def test_what_follows_a_block_scalar_stays_behind_the_addition(house: House, between: str) -> None:
    item = "waivers:\n  - image: ghcr.io/acme/old\n    rule: latest-tag\n    until: 2026-01-01\n    owner: us\n    reason: |\n      text\n"
    before = house.images.rules(f"{item}{between}rules: {{latest-tag: note}}\ninspect: named\n")
    house.commit_base({"auditor.yaml": before})
    assert waive(house).status == 0
    after = rules(house)
    assert after.startswith(house.images.rules(item)[:-1])
    assert after.endswith("rules: {latest-tag: note}\ninspect: named\n")
    assert len(after) > len(before)


def test_git_applies_what_dry_run_prints(house: House) -> None:
    house.commit_base()
    shown = waive(house, "--dry-run", "--rule", "unsigned-image", "--rule", "latest-tag")
    assert git(house.repo, "status", "--porcelain") == ""
    (house.repo / "../waiver.diff").write_text(shown.out)
    house.git("apply", "../waiver.diff")
    assert rules(house).count("- {image:") == 2
    assert rules(house).startswith(house.images.rules())


@pytest.mark.parametrize(
    ("arguments", "image", "until", "why"),
    [
        ((), "", LATE, "days ahead"),
        ((), "", PAST, "is over"),
        ((), "**", UNTIL, "may not match everything"),
        ((), "ghcr.io/Acme/api:1", UNTIL, "is no image"),
        (("--rule", "unsigned"), "", UNTIL, "there is no rule 'unsigned'\n  help: did you mean 'unsigned-image'?"),
        (("--reason", " "), "", UNTIL, "--reason is empty"),
    ],
    ids=["too far", "over", "everything", "no image", "rule", "reason"],
)
def test_what_the_rules_would_refuse_is_not_written(
    house: House, arguments: tuple[str, ...], image: str, until: object, why: str
) -> None:
    house.commit_base()
    done = waive(house, *arguments, image=image, until=until)
    assert done.status == 2
    assert why in done.err
    assert rules(house) == house.images.rules()


def test_a_glob_is_taken_as_it_is_and_a_short_name_is_written_out(house: House) -> None:
    house.commit_base()
    assert waive(house, image="ghcr.io/acme/legacy-*").status == 0
    assert waive(house, "--force", image="nginx:1.25").status == 0
    assert '"ghcr.io/acme/legacy-*"' in rules(house)
    assert '"docker.io/library/nginx"' in rules(house)


def test_a_modified_rules_file_is_refused_without_force(house: House) -> None:
    house.commit_base()
    (house.repo / "auditor.yaml").write_text(house.images.rules() + "# mine\n")
    assert waive(house).status == 2
    assert rules(house) == house.images.rules() + "# mine\n"
    assert waive(house, "--force").status == 0


@pytest.mark.parametrize("kind", ["read-only", "symlink"])
def test_what_cannot_be_written_is_told(house: House, kind: str) -> None:
    house.commit_base()
    file = house.repo / "auditor.yaml"
    if kind == "symlink":
        file.rename(house.repo / "real.yaml")
        file.symlink_to("real.yaml")
    else:
        file.chmod(0o444)
    done = waive(house, "--force")
    assert done.status == 2
    assert file.read_text() == house.images.rules()
    assert file.is_symlink() == (kind == "symlink")


def test_without_rules_file_there_is_nothing_to_add_to(house: House) -> None:
    house.commit_base()
    (house.repo / "auditor.yaml").unlink()
    done = waive(house)
    assert (done.status, "no rules file" in done.err) == (2, True)


def test_control_characters_are_written_as_escapes(house: House) -> None:
    house.commit_base()
    done = house.run(
        "waive",
        house.images.ref("unsigned"),
        "--until",
        str(UNTIL),
        "--owner",
        "a\x1b[31m",
        "--reason",
        "x\n::error::y",
    ).clean_of_tracebacks()
    assert done.status == 0
    assert "\x1b" not in done.out + rules(house)
    assert "\n::error::" not in done.out
