"""`check --changed-only`: what gates is the same, and the report says what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.reading import NARROW
from tests.cli.house import House, Ran
from tests.support import repositories

Files = dict[str, bytes | str]


def base(house: House) -> Files:
    """Two roots on one base, a root of its own, and a loose manifest: all unsigned, so that whatever looks new fails."""
    pod = house.images.pod("unsigned")
    return {
        "base/kustomization.yaml": "resources: [pod.yaml]\n",
        "base/pod.yaml": pod,
        "staging/kustomization.yaml": "resources: [../base]\n",
        "production/kustomization.yaml": "resources: [../base]\n",
        "other/kustomization.yaml": "resources: [pod.yaml]\n",
        "other/pod.yaml": pod,
        "loose/pod.yaml": pod,
    }


def gating(ran: Ran) -> Any:
    """What of a report gates: the exit status, the findings, and every image that is new, with its new uses."""
    images = [
        {**image, "uses": [use for use in image["uses"] if use["change"] == "added"]}
        for image in ran.report["images"]
        if image["change"] == "added"
    ]
    return ran.status, ran.report["findings"], images


def both(house: House, render: str = "never") -> tuple[Ran, Ran]:
    """The same change, read whole and only where it reaches."""
    return house.check("--render", render), house.check("--render", render, "--changed-only")


CHANGES = {
    "a base": {"base/pod.yaml": "web"},
    "a root": {"other/pod.yaml": "wrong"},
    "a loose manifest": {"loose/pod.yaml": "web"},
    "a copy beside": {"loose/copy.yaml": "unsigned"},
    "a copy elsewhere": {"new/pod.yaml": "unsigned"},
    "a promotion": {"new/kustomization.yaml": "resources: [../other]\n"},
    "an override": {"staging/kustomization.yaml": "resources: [../base]\nimages: [{name: nginx, newTag: v2}]\n"},
    "nothing": {"README.md": "text\n"},
}


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_the_same_gates(house: House, change: str) -> None:
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    names = {"web", "wrong", "unsigned"}
    house.commit({path: house.images.pod(what) if what in names else what for path, what in CHANGES[change].items()})
    whole, narrow = both(house)
    assert gating(narrow) == gating(whole)
    assert narrow.report["run"]["notes"] == [*whole.report["run"]["notes"], NARROW]
    places = {use["file"] for image in narrow.report["images"] for use in image["uses"]}
    assert places < {use["file"] for image in whole.report["images"] for use in image["uses"]}


def test_the_same_gates_where_programs_render(house: House) -> None:
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    house.commit({"base/pod.yaml": house.images.pod("web")})
    whole, narrow = both(house, "auto")
    assert gating(narrow) == gating(whole)
    assert NARROW in narrow.report["run"]["notes"]


def test_base_has_moved_on(house: House) -> None:
    """What base took out meanwhile is new where the change brings it back, also where only the change is read."""
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    house.commit({"loose/moved.yaml": house.images.pod("unsigned")})
    house.git("checkout", "--quiet", "main")
    (house.repo / "loose/pod.yaml").unlink()
    house.commit({"other/pod.yaml": house.images.pod("web")})
    house.git("checkout", "--quiet", "change")
    whole, narrow = both(house)
    assert gating(narrow) == gating(whole)
    assert narrow.verdicts == {"unsigned": "unsigned"}


@pytest.mark.parametrize(
    ("path", "text", "why"),
    [
        ("flux.yaml", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: a}\n", "flux.yaml"),
        ("r.yaml", 'apiVersion: "helm.toolkit\\x2efluxcd.io/v2"\nkind: "Helm\\\n  \\x52elease"\nmetadata: {name: a}\n', "r.yaml"),
        ("fleet.yaml", "helm: {chart: ./chart}\n", "fleet.yaml"),
        ("charts/a/Chart.yaml", "name: a\nversion: '1'\n", "chart"),
    ],
)  # fmt: skip
def test_what_cannot_be_left_out(house: House, path: str, text: str, why: str) -> None:
    """Deployers reach anywhere, so everything is read, and the report says why: also where head alone has one."""
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    house.commit({path: text, "other/pod.yaml": house.images.pod("web")})
    whole, narrow = both(house)
    assert gating(narrow) == gating(whole)
    (note,) = narrow.report["run"]["notes"]
    assert note.startswith("everything was read")
    assert why in note


def test_a_table_says_so(house: House) -> None:
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    house.commit({"other/pod.yaml": house.images.pod("web")})
    ran = house.run("check", ".", "--base", "main", "--changed-only")
    assert NARROW in " ".join(ran.out.split())


def test_without_a_base_everything_is_read(house: House) -> None:
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    ran = house.run("check", ".", "--changed-only", "-f", "json")
    assert ran.status == 1
    assert ran.report["run"]["notes"] == ["everything was read: without a base there is no change"]


def test_a_touched_symlink_is_followed_everywhere(house: House) -> None:
    house.commit_base({**base(house), "auditor.yaml": house.images.rules()})
    (house.repo / "other/pod.yaml").unlink()
    (house.repo / "other/pod.yaml").symlink_to("../base/pod.yaml")
    repositories.git(house.repo, "add", "-A")
    house.commit({"base/pod.yaml": house.images.pod("wrong")})
    whole, narrow = both(house)
    assert gating(narrow) == gating(whole)
    assert "symlink" in narrow.report["run"]["notes"][0]
