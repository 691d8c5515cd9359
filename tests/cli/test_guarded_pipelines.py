"""A change to the workflow that runs the check, or to who owns the rules, is told in the change's own report."""

from __future__ import annotations

from tests.cli.house import House

_WORKFLOW = ".github/workflows/images.yaml"
_GATE = "on: pull_request\njobs:\n  images:\n    steps:\n    - run: pipx run auditor==1.2.3 check --base origin/main\n"


def test_the_workflow_and_the_owners(house: House) -> None:
    house.commit_base(
        {_WORKFLOW: _GATE, ".github/CODEOWNERS": "/auditor.yaml @acme/security\n", ".github/workflows/b.yaml": "a"}
    )
    house.commit(
        {
            _WORKFLOW: _GATE.replace("check", "check --exit-zero"),
            ".github/CODEOWNERS": "* @acme/everybody\n",
            ".github/workflows/b.yaml": "b",
        }
    )
    ran = house.check()
    assert (ran.status, ran.rules) == (0, ["rules-changed", "rules-changed"])
    assert [each["file"] for each in ran.report["findings"]] == [".github/CODEOWNERS", _WORKFLOW]


def test_what_leaves_them_alone_is_told_nothing(house: House) -> None:
    house.commit_base({_WORKFLOW: _GATE, "CODEOWNERS": "* @acme/everybody\n"})
    house.commit({"web.yaml": house.images.pod("web")})
    assert "rules-changed" not in house.check().rules
