"""A chart of Applications (app of apps): what a change makes them deploy is looked at, or told."""

from __future__ import annotations

import pytest

from auditor.manifests.render.tools import find_renderers
from tests.cli.house import House, Ran

pytestmark = pytest.mark.skipif(
    find_renderers({"PATH": "/usr/bin:/bin"}).helm is None, reason="neither helm nor the extra `helm` is installed"
)

MAKER = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: maker}
spec:
  source: {repoURL: https://git.acme.example/gitops, path: apps-of-apps}
  destination: {namespace: argocd}
"""
MADE = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: shop}
spec:
  source:
    repoURL: https://git.acme.example/gitops
    path: {{ .Values.path }}
    kustomize: {images: [{{ .Values.image | quote }}]}
  destination: {namespace: shop}
"""


def values(house: House, *, path: str = "shops/good", image: str = "api") -> str:
    return f"path: {path}\nimage: {house.images.ref(image)}\n"


@pytest.fixture
def app_of_apps(house: House) -> House:
    """Two folders are there, one of them with an image that base has excused; the chart deploys the good one."""
    house.commit_base(
        {
            "maker.yaml": MAKER,
            "apps-of-apps/Chart.yaml": "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
            "apps-of-apps/values.yaml": values(house),
            "apps-of-apps/templates/shop.yaml": MADE,
            "shops/good/api.yaml": house.images.pod("api"),
            "shops/bad/bad.yaml": house.images.pod("unsigned"),
        }
    )
    return house


def turned(ran: Ran) -> bool:
    return any("deployer in a chart" in found["message"] for found in ran.report["findings"])


def test_what_stays_as_it_is_is_no_finding(app_of_apps: House) -> None:
    app_of_apps.commit(
        {"apps-of-apps/values.yaml": f"# said\n{values(app_of_apps)}", "web.yaml": app_of_apps.images.pod("web")}
    )
    ran = app_of_apps.check()
    assert (ran.status, turned(ran)) == (0, False)


@pytest.mark.parametrize("narrow", [(), ("--changed-only",)], ids=["everything", "narrow"])
@pytest.mark.parametrize("change", [{"path": "shops/bad"}, {"image": "wrong"}], ids=["another folder", "another image"])
def test_what_is_turned_is_told(app_of_apps: House, change: dict[str, str], narrow: tuple[str, ...]) -> None:
    app_of_apps.commit({"apps-of-apps/values.yaml": values(app_of_apps, **change)})
    ran = app_of_apps.check(*narrow)
    assert (ran.status, turned(ran)) == (3, True)


def test_a_new_one_is_told(app_of_apps: House) -> None:
    app_of_apps.commit({"apps-of-apps/templates/more.yaml": MADE.replace("name: shop", "name: more")})
    ran = app_of_apps.check()
    assert (ran.status, turned(ran)) == (3, True)
