"""The table and the comment: the worst first, nothing lost without a count."""

from __future__ import annotations

import dataclasses
import re

import pytest
from msgspec.structs import replace

from auditor.model.finding import Finding, Level
from auditor.model.gap import Gap
from auditor.model.identity import Identity
from auditor.model.place import Place
from auditor.model.report import Report
from auditor.model.verdict import Verdict
from auditor.report.grid import Palette, fit, grid, wrap
from auditor.report.markdown import BUDGET, marker
from auditor.report.render import RenderOptions, render
from auditor.report.words import signer_words, tag_words
from tests.support import samples

BLOB = "https://github.com/acme/platform/blob/8a9b0c1d2e3f"


def crowd(number: int, verdict: Verdict = Verdict.UNSIGNED) -> Report:
    """A change that deploys many images."""
    images = []
    findings = []
    for n in range(number):
        name = f"ghcr.io/acme/service-{n:04}:1.{n}"
        each = samples.image(name, verdict, samples.use(name, f"apps/{n}/k.yaml", 3), reason="no signature " * 5)
        images.append(each)
        if verdict is Verdict.UNSIGNED:
            findings.append(samples.finding_for(each, "unsigned-image", Level.ERROR, help="sign it"))
    return Report(run=samples.run(), images=tuple(images), findings=tuple(findings))


# ── columns ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [16, 20, 33, 80])
def test_wrap_keeps_every_character_and_the_width(width: int) -> None:
    text = "signed by https://github.com/acme/api/.github/workflows/release.yaml@refs/tags/v2.1.0 and " + "x" * 90
    lines = wrap(text, width)
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wrap_breaks_names_at_their_separators() -> None:
    assert wrap("ghcr.io/acme/platform/service:1.2.3", 24) == ["ghcr.io/acme/platform/", "service:1.2.3"]


def test_fit_shrinks_the_widest_first() -> None:
    assert fit([10, 20, 30], 100) == [10, 20, 30]
    assert fit([10, 60, 30], 84) == [10, 40, 30]
    assert sum(fit([14, 200, 200], 60)) == 56


def test_columns_that_are_empty_are_left_out() -> None:
    text = grid(("A", "B"), [[("", "1.10"), ("", "")], [("", "0123"), ("", "")]], 80, Palette(False))
    assert text == "A\n1.10\n0123"


# ── table ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_table_keeps_to_the_width(width: int) -> None:
    text = render(samples.failing(), "table", RenderOptions(width=width, verbose=True))
    assert max(map(len, text.split("\n"))) <= width


def test_colour_only_if_asked_and_the_words_stay_the_same() -> None:
    plain = render(samples.failing(), "table")
    colored = render(samples.failing(), "table", RenderOptions(color=True))
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in colored
    assert re.sub(r"\x1b\[[0-9;]+m", "", colored) == plain


def test_table_says_what_where_why_and_what_now() -> None:
    text = render(samples.failing(), "table")
    assert text.startswith("✗ 2 of 5 new images fail; 1 could not be judged\n")
    for words in (
        "apps/worker/cronjob.yaml:22",
        "asked referrers, .sig and .att",
        "sign it in CI",
        "overrides base/deployment.yaml:21",
    ):
        assert words in text
    assert text.endswith("fails (exit 1)\n")


def test_passing_images_are_one_line_each_unless_verbose() -> None:
    assert render(samples.failing(), "table").count("ghcr.io/acme/web:3.4") == 1
    verbose = render(samples.failing(), "table", RenderOptions(verbose=True))
    assert verbose.count("ghcr.io/acme/web:3.4") == 2
    assert "linux/arm64" in verbose
    assert "ClusterPolicy/check-images" in verbose


def test_verify_tells_everything_about_a_signature() -> None:
    text = render(samples.verified(), "table", RenderOptions(width=200))
    for words in (
        "sourceRepositoryURI: https://github.com/acme/api",
        "log index 123456",
        "refused at step 7 (log)",
        "trust root public-good",
    ):
        assert words in text


def test_many_gaps_are_folded_with_a_count() -> None:
    gaps = tuple(Gap(Place(f"charts/{n}"), "helm chart", "not rendered") for n in range(9))
    text = render(replace(samples.clear(), gaps=gaps), "table")
    assert "not read (9 places):" in text
    assert "and 4 more: --verbose lists them" in text
    assert "charts/8" in render(replace(samples.clear(), gaps=gaps), "table", RenderOptions(verbose=True))


def test_a_gap_that_is_a_finding_is_told_once() -> None:
    place = Place("charts/redis", 1)

    finding = Finding("unrendered", Level.INCOMPLETE, "helm chart: not rendered", "install helm", place)
    report = replace(
        samples.clear(), gaps=(Gap(place, "helm chart", "not rendered", "unrendered"),), findings=(finding,)
    )
    assert render(report, "table").count("charts/redis") == 1


def test_notes_of_the_run_are_shown() -> None:
    report = replace(samples.clear(), run=samples.run(notes=("base is unreachable: the whole tree was judged",)))
    assert "! base is unreachable: the whole tree was judged" in render(report, "table")
    assert "> ⚠️ base is unreachable: the whole tree was judged" in render(report, "markdown")


def test_inventory_groups_by_root() -> None:
    text = render(samples.inventory(), "table")
    assert text.index("root apps/api") < text.index("root apps/db") < text.index("loose manifests")
    assert "looks like an image, not deployed" in text
    assert "not read (1 place):\n  charts/redis  helm chart" in text
    assert text.endswith("3 images in 2 roots, 4 places\n")


# ── comment ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_comment_starts_with_its_marker() -> None:
    text = render(samples.clear(), "markdown", RenderOptions(key="prod gate --> <x>"))
    assert text.split("\n")[0] == "<!-- auditor:v1:prod-gate-x- -->"
    assert marker("") == "<!-- auditor:v1:check -->"


def test_comment_links_the_line() -> None:
    text = render(samples.failing(), "markdown", RenderOptions(blob_url=BLOB))
    assert f"[`apps/worker/cronjob.yaml:22`]({BLOB}/apps/worker/cronjob.yaml#L22)" in text
    assert "](" not in render(samples.failing(), "markdown")
    assert "](" not in render(samples.failing(), "markdown", RenderOptions(blob_url="javascript:alert(1)//"))


def test_comment_tells_what_the_image_was() -> None:
    text = render(samples.clear(), "markdown")
    assert "`ghcr.io/acme/web:3.4`<br>`3.3` → `3.4` |" in text, "the signer is the same: not a word about it"
    assert text.split("\n")[1] == "### ✅ 1 new image: may be deployed"
    assert "`2.0` → `2.1` (was verified)<br>signer `acme/api/.github" in render(samples.failing(), "markdown")


@pytest.mark.parametrize(
    ("reference", "name", "words"),
    [
        ("ghcr.io/acme/api:2.1", "ghcr.io/acme/api", "2.1"),
        ("ghcr.io/acme/api", "ghcr.io/acme/api", "ghcr.io/acme/api"),
        ("ghcr.io/acme/api-next:2.1", "ghcr.io/acme/api", "ghcr.io/acme/api-next:2.1"),
        ("ghcr.io/acme/api/x:2.1", "ghcr.io/acme/api", "ghcr.io/acme/api/x:2.1"),
        ("nginx:1.27", "docker.io/library/nginx", "nginx:1.27"),
        (f"ghcr.io/acme/api:2.1@sha256:{'a' * 64}", "ghcr.io/acme/api", f"2.1@sha256:{'a' * 12}…"),
        (f"ghcr.io/acme/api@sha256:{'a' * 64}", "ghcr.io/acme/api", f"@sha256:{'a' * 12}…"),
        ("", None, ""),
    ],
)
def test_what_differs_in_a_reference(reference: str, name: str | None, words: str) -> None:
    assert tag_words(reference, name) == words


def test_only_the_issuer_of_github_vouches_for_names_without_their_host() -> None:
    subject = "https://github.com/acme/api/.github/workflows/release.yaml@refs/heads/main"
    own = Identity("https://token.actions.githubusercontent.com", subject)
    assert signer_words(own) == "acme/api/.github/workflows/release.yaml@refs/heads/main"
    assert signer_words(dataclasses.replace(own, issuer="https://evil.example")) == subject
    assert signer_words(None) == "nobody"


def test_the_fix_is_a_difference_to_copy() -> None:
    text = render(samples.failing(), "markdown")
    fence = re.search(r"```diff\n(.*?)\n```", text, re.DOTALL)
    assert fence
    assert fence[1].split("\n") == [
        "--- a/apps/api/kustomization.yaml",
        "+++ b/apps/api/kustomization.yaml",
        "@@ -14 +14 @@ back to what was verified",
        '-newTag: "2.1"',
        '+newTag: "2.0"',
    ]


def test_an_unpinned_image_that_verifies_is_pinned_to_what_was_verified() -> None:
    clear = samples.clear()
    web = clear.images[0]
    finding = samples.finding_for(web, "unpinned-image", Level.ERROR, "not pinned", "pin it")
    text = render(replace(clear, findings=(finding,)), "markdown")
    assert f'-newTag: "3.4"\n+newTag: "3.4"\n+digest: {web.digest}\n' in text
    place = replace(web.uses[0].use.place, key_path="spec.containers[0].image")
    whole = replace(web, uses=(replace(web.uses[0], use=dataclasses.replace(web.uses[0].use, place=place)),))
    finding = samples.finding_for(whole, "unpinned-image", Level.ERROR, "not pinned", "pin it")
    text = render(replace(clear, images=(whole,), findings=(finding,)), "markdown")
    assert f"-image: ghcr.io/acme/web:3.4\n+image: ghcr.io/acme/web:3.4@{web.digest}\n" in text
    assert "```diff" not in render(clear, "markdown"), "nobody asks for a pin"


def test_a_relayed_result_says_so_first() -> None:
    text = render(samples.clear(), "markdown", RenderOptions(relayed=True))
    assert text.split("\n\n")[1].startswith("> ⚠️ Reported by the change's own job")


@pytest.mark.parametrize("budget", [1500, 4000, 20_000])
def test_comment_keeps_to_the_budget_it_is_given(budget: int) -> None:
    text = render(crowd(300), "markdown", RenderOptions(budget=budget))
    assert len(text) <= budget
    assert "not shown here" in text
    notes = replace(samples.clear(), run=samples.run(notes=("word " * 400,) * 500))
    assert len(render(notes, "markdown")) <= BUDGET


def test_only_what_the_change_deploys_is_open() -> None:
    text = render(samples.failing(), "markdown")
    opened = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert "ghcr.io/acme/worker:7" in opened
    for folded in ("ghcr.io/acme/web:3.4", "ghcr.io/acme/legacy-billing:3", "ghcr.io/acme/db:9"):
        assert folded not in opened
        assert folded in text


@pytest.mark.parametrize("number", [50, 300, 2000])
def test_comment_is_shortened_by_whole_rows_with_a_count(number: int) -> None:
    text = render(crowd(number), "markdown", RenderOptions(blob_url=BLOB))
    assert len(text) <= BUDGET
    rows = [line for line in text.split("\n") if line.startswith("| ❌")]
    assert all(row.endswith(" |") and row.count(" | ") == 2 for row in rows)
    left = re.search(r"… and (\d+) more rows? not shown here\.", text)
    assert len(rows) + (int(left[1]) if left else 0) == number
    assert bool(left) == (number > 200)
    assert len(text) > BUDGET * 0.95 or not left


def test_comment_keeps_its_budget_at_every_length() -> None:
    """The row that no longer fits is a different one each time, so the slack of the last row hides nothing."""
    report = crowd(260)
    for length in range(0, 1200, 29):
        images = (replace(report.images[0], reason="word " * (length // 5)), *report.images[1:])
        text = render(replace(report, images=images), "markdown", RenderOptions(blob_url=BLOB + "/" + "x" * 40))
        assert len(text) <= BUDGET


def test_folded_rows_go_before_open_ones() -> None:
    bad, good = crowd(100), crowd(400, Verdict.VERIFIED)
    good_images = tuple(replace(image, reference=f"{image.reference}-ok") for image in good.images)
    text = render(replace(bad, images=(*bad.images, *good_images)), "markdown", RenderOptions(blob_url=BLOB))
    assert len(text) <= BUDGET
    assert len([line for line in text.split("\n") if line.startswith("| ❌")]) == 100
    assert "400 new images without objection" in text
    assert "more rows not shown here" in text
