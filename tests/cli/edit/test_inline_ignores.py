"""`# auditor: ignore[rule] until=… reason=…` beside an image: what it excuses, and each way to misuse it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.house import House, Ran, pod

SOON = (datetime.now(UTC) + timedelta(days=30)).date()
PAST = SOON - timedelta(days=60)
SAID = f'# auditor: ignore[unsigned-image] until={SOON} reason="moves in spring"'


def beside(name: str, image: str, comment: str = SAID) -> str:
    """A pod with a comment behind its image."""
    return pod(name, image).rstrip("\n") + f" {comment}\n"


def above(name: str, image: str, comment: str = SAID) -> str:
    """A pod with a comment in the line above its image."""
    head, _, last = pod(name, image).rstrip("\n").rpartition("\n")
    return f"{head}\n    {comment}\n{last}\n"


def waived(ran: Ran) -> list[tuple[str, str]]:
    return [(f["rule"], f["file"]) for f in ran.report["findings"] if f["waived"]]


def whole(house: House) -> Ran:
    return house.run("check", ".", "-f", "json").clean_of_tracebacks()


@pytest.mark.parametrize("place", [beside, above], ids=["beside", "above"])
def test_it_excuses_a_finding_of_the_whole_tree(house: House, place: object) -> None:
    assert callable(place)
    house.commit_base({"old.yaml": place("old", house.images.ref("unsigned"))})
    done = whole(house)
    assert done.status == 0, done.rules
    finding = done.finding("unsigned-image")
    assert finding["waived"] == {"owner": "inline", "until": str(SOON), "reason": "moves in spring"}
    assert done.verdicts["unsigned"] == "unsigned"


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_line_ends_do_not_matter(house: House, newline: str) -> None:
    house.commit_base({"old.yaml": above("old", house.images.ref("unsigned")).replace("\n", newline)})
    assert whole(house).status == 0


def test_a_change_cannot_bring_its_own(house: House) -> None:
    house.commit_base()
    house.commit({"new.yaml": beside("new", house.images.ref("unsigned"))})
    done = house.check()
    assert done.status == 1
    assert waived(done) == []
    added = done.finding("waiver-added")
    assert (added["file"], added["line"]) == ("new.yaml", 7)
    assert "does not count for this change" in added["help"]


def test_one_added_to_what_is_there_is_told(house: House) -> None:
    house.commit_base({"old.yaml": pod("old", house.images.ref("unsigned"))})
    house.commit({"old.yaml": beside("old", house.images.ref("unsigned"))})
    done = house.check()
    assert done.rules == ["waiver-added"]


def test_one_that_stays_and_is_not_touched_says_nothing(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"))})
    house.commit({"old.yaml": "# moved down\n" + beside("old", house.images.ref("unsigned"))})
    done = house.check()
    assert (done.status, done.rules) == (0, [])


def test_it_does_not_cover_another_image_that_slips_under_it(house: House) -> None:
    house.commit_base({"old.yaml": above("old", house.images.ref("unsigned"))})
    house.commit(
        {"old.yaml": above("old", house.images.ref("attested")).replace("unsigned-image]", "attestation-only-image]")}
    )
    done = house.check()
    assert done.status == 1
    assert waived(done) == []
    assert set(done.rules) >= {"attestation-only-image", "waiver-added"}


def test_it_does_not_cover_another_tag(house: House) -> None:
    for tag in ("1.0", "2.0"):
        house.images.registry.put_image("acme/retagged", tag)
    house.commit_base({"old.yaml": above("old", house.images.ref("retagged"))})
    house.commit({"old.yaml": above("old", house.images.ref("retagged", "2.0"))})
    done = house.check()
    assert done.status == 1
    assert waived(done) == []
    assert "waiver-added" in done.rules


def test_a_copy_in_another_workload_is_not_covered(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"))})
    house.commit({"copy.yaml": beside("copy", house.images.ref("unsigned"))})
    done = house.check()
    assert (done.status, waived(done)) == (1, [])


def test_an_alias_of_an_excused_anchor_is_not_covered_in_a_change(house: House) -> None:
    anchored = f"image: &it {house.images.ref('unsigned')} {SAID}\n"
    both = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {{name: a}}\n  spec:\n    containers:\n    - name: a\n      {a}{b}"
    more = (
        "- apiVersion: v1\n  kind: Pod\n  metadata: {name: b}\n  spec:\n    containers:\n    - {name: b, image: *it}\n"
    )
    house.commit_base({"list.yaml": both.format(a=anchored, b="")})
    house.commit({"list.yaml": both.format(a=anchored, b=more)})
    done = house.check()
    assert done.status == 1
    assert waived(done) == []
    assert set(done.rules) == {"unsigned-image", "waiver-added"}


def test_a_later_end_does_not_count_before_the_merge(house: House) -> None:
    later = SAID.replace(str(SOON), str(SOON + timedelta(days=30)))
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"))})
    house.commit({"old.yaml": beside("old", house.images.ref("unsigned"), later)})
    done = house.check()
    assert done.rules == ["waiver-added"]
    assert "extends" in done.finding("waiver-added")["message"]


@pytest.mark.parametrize(
    "hidden",
    [
        "metadata:\n  name: p\n  annotations:\n    note: |\n      {said}\n",
        'metadata: {{name: p, annotations: {{note: "x {quoted}"}}}}\n',
        "metadata:\n  name: p\n  annotations:\n    note: 'x\n      {said}'\n",
    ],
    ids=["block scalar", "double quoted", "single quoted over lines"],
)
def test_what_stands_in_a_string_is_no_comment(house: House, hidden: str) -> None:
    said = SAID.replace('"moves in spring"', "x")
    spec = f"spec: {{containers: [{{name: c, image: '{house.images.ref('unsigned')}'}}]}}\n"
    house.commit_base({"p.yaml": "apiVersion: v1\nkind: Pod\n" + hidden.format(said=said, quoted=said) + spec})
    done = whole(house)
    assert (done.status, waived(done)) == (1, [])


def test_a_comment_behind_a_block_scalar_is_one(house: House) -> None:
    text = (
        pod("p", "x")
        .replace("spec:", "  annotations:\n    note: |\n      text\nspec:")
        .replace("{name: p}", "\n  name: p")
    )
    before, _, _ = text.rpartition("    image")
    manifest = f"{before}    env:\n    - name: A\n      value: |\n        text\n    {SAID}\n    image: {house.images.ref('unsigned')}\n"
    house.commit_base({"p.yaml": manifest})
    assert whole(house).status == 0


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("# auditor: ignore[unsigned-image] reason=x", "no until"),
        (f"# auditor: ignore[unsigned-image] until={SOON}", "no reason"),
        (f'# auditor: ignore[unsigned-image] until={SOON} reason=""', "no reason"),
        ("# auditor: ignore[unsigned-image] until=soon reason=x", "no day"),
        (f"# auditor: ignore[unsigned-image] until={SOON} reason=x because", "is not key=value"),
        (f"# auditor: ignore[unsigned-image] until={SOON} reason=x until={SOON}", "twice"),
        (f"# auditor: ignore[unsigned-image] until={SOON} ticket=x reason=x", "not known"),
        (f"# auditor: ignore[unsigned] until={SOON} reason=x", "no rule unsigned"),
        (f"# auditor: ignore[] until={SOON} reason=x", "names no rule"),
        (f"# auditor: ignore until={SOON} reason=x", "names no rule"),
        ("# auditor: ignore[unsigned-image] until=2999-01-01 reason=x", "days ahead"),
        (f"# auditor: ignore[unsigned-image, denied-image] until={SOON} reason=x", "no revocation"),
    ],
    ids=["until", "reason", "empty reason", "day", "rest", "twice", "key", "rule", "empty", "bare", "long", "revoked"],
)
def test_one_that_says_too_little_is_told_with_its_line(house: House, comment: str, why: str) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"), comment)})
    done = whole(house)
    assert done.status == 1
    assert waived(done) == []
    told = done.finding("waiver-unused")
    assert (told["file"], told["line"]) == ("old.yaml", 7)
    assert why in told["message"]


def test_one_that_is_over_is_an_error(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"), SAID.replace(str(SOON), str(PAST)))})
    done = whole(house)
    assert done.status == 1
    assert set(done.rules) == {"unsigned-image", "waiver-expired"}
    assert done.finding("waiver-expired")["line"] == 7


def test_one_that_covers_nothing_is_told(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("api"))})
    done = whole(house)
    assert (done.status, done.rules) == (0, ["waiver-unused"])


def test_a_rule_that_it_does_not_name_still_counts(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("wrong"))})
    assert set(whole(house).rules) == {"wrong-signer", "waiver-unused"}


def test_one_of_two_lines_excuses_only_its_own(house: House) -> None:
    two = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  initContainers:\n  - name: c\n    image: {house.images.ref('unsigned')} {SAID}\n"
        f"  containers:\n  - name: c\n    image: {house.images.ref('unsigned')}\n"
    )
    house.commit_base({"p.yaml": two})
    done = whole(house)
    assert (done.status, waived(done)) == (1, [])


def test_a_root_that_newly_loads_an_excused_base_is_not_covered(house: House) -> None:
    shared = {
        "base/kustomization.yaml": "resources: [p.yaml]\n",
        "base/p.yaml": beside("p", house.images.ref("unsigned")),
    }
    house.commit_base({**shared, "dev/kustomization.yaml": "resources: [../base]\n"})
    assert whole(house).status == 0
    house.commit({"prod/kustomization.yaml": "resources: [../base]\n"})
    done = house.check()
    assert (done.status, waived(done)) == (1, [])
    assert "waiver-added" in done.rules


def test_an_images_entry_can_be_excused_where_its_tag_stands(house: House) -> None:
    name = house.images.ref("unsigned").rpartition(":")[0]
    files = {
        "base/kustomization.yaml": "resources: [p.yaml]\n",
        "base/p.yaml": pod("p", f"{name}:0.1"),
        "prod/kustomization.yaml": f"resources: [../base]\nimages:\n- name: {name}\n  {SAID}\n  newTag: '1.0'\n",
    }
    house.commit_base(files)
    assert whole(house).status == 0


def test_reading_only_what_changed_says_the_same(house: House) -> None:
    house.commit_base({"old.yaml": beside("old", house.images.ref("unsigned"))})
    house.commit(
        {
            "old.yaml": above("old", house.images.ref("unsigned")),
            "new.yaml": beside("new", house.images.ref("unsigned")),
        }
    )
    assert house.check().rules == house.check("--changed-only").rules == ["unsigned-image", "waiver-added"]


def test_a_file_that_does_not_parse_excuses_nothing(house: House) -> None:
    house.commit_base({"p.yaml": beside("p", house.images.ref("unsigned")) + "---\nbroken: [\n"})
    done = whole(house)
    assert done.status == 1
    assert waived(done) == []


def test_a_waiver_in_the_rules_still_covers_what_an_ended_comment_does_not(house: House) -> None:
    section = (
        f"waivers:\n  - {{image: '{house.images.registry.host}/acme/unsigned', rule: unsigned-image, "
        f"until: {SOON}, owner: us, reason: r}}\n"
    )
    ended = SAID.replace(str(SOON), str(PAST))
    house.commit_base(
        {"auditor.yaml": house.images.rules(section), "p.yaml": beside("p", house.images.ref("unsigned"), ended)}
    )
    done = whole(house)
    assert waived(done) == [("unsigned-image", "p.yaml")]
    assert (done.status, done.rules) == (0, [])
