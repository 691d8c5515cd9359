"""Ways in which a change could have an image deployed that its rules refuse, without touching the rules: none helps.

Base deploys what is well signed. Each change makes it deploy something else, by a file that nobody reads, a place where other
rules hold, a value that is filled in elsewhere, or a signer that nobody here vouches for.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from msgspec import Struct

from fixtures.registry import OciRegistry
from fixtures.sigstore import REKOR_V2, Sigstore, bundle, github
from fixtures.sigstore.push import push_signatures
from tests.cli.house import AT, House, Images

Files = dict[str, bytes | str]
_EXCLUDED = "manifests: {exclude: ['test/**']}\n"
_FILLED = "manifests: {substitute: {apps: {NAME: api}}}\n"


class Attempt(Struct, frozen=True):
    """What base holds besides its rules, and what the change does. `rules` go into base's auditor.yaml."""

    base: Callable[[Images], Files]
    change: Callable[[Images], Files]
    rules: str = ""


def loads(*resources: str) -> str:
    """A kustomization."""
    return f"resources: [{', '.join(resources)}]\n"


def flux(path: str, **values: str) -> str:
    """A Flux Kustomization that deploys a folder, with values filled in."""
    filled = f"  postBuild: {{substitute: {json.dumps(values)}}}\n" if values else ""
    return (
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        "metadata: {name: apps, namespace: flux-system}\n"
        f"spec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{filled}"
    )


def argo(path: str) -> str:
    """An Argo CD Application that deploys a folder."""
    return (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n"
        f"  source: {{repoURL: https://git.acme.example/gitops, path: {path}}}\n  destination: {{namespace: a}}\n"
    )


def filled_in(images: Images) -> str:
    """A pod whose image is named when it is deployed."""
    return images.pod("api").replace("/api:", "/${NAME}:")


def leftover(images: Images) -> Files:
    """Two folders: one is deployed, in the other stands what nobody allowed."""
    return {
        "apps/api/kustomization.yaml": loads("pod.yaml"),
        "apps/api/pod.yaml": images.pod("api"),
        "apps/old/kustomization.yaml": loads("pod.yaml"),
        "apps/old/pod.yaml": images.pod("wrong"),
    }


ATTEMPTS: dict[str, Attempt] = {
    "an excluded file that a root loads": Attempt(
        lambda images: {"prod/kustomization.yaml": loads("api.yaml"), "prod/api.yaml": images.pod("api")},
        lambda images: {
            "test/evil.yaml": images.pod("wrong"),
            "prod/kustomization.yaml": loads("api.yaml", "../test/evil.yaml"),
        },
        _EXCLUDED,
    ),
    "an excluded root that a root loads": Attempt(
        lambda images: {"prod/kustomization.yaml": loads("api.yaml"), "prod/api.yaml": images.pod("api")},
        lambda images: {
            "test/kustomization.yaml": loads("evil.yaml"),
            "test/evil.yaml": images.pod("wrong"),
            "prod/kustomization.yaml": loads("api.yaml", "../test"),
        },
        _EXCLUDED,
    ),
    "an excluded folder that Flux newly deploys": Attempt(
        lambda images: {"clusters/apps.yaml": flux("./apps"), "apps/api.yaml": images.pod("api")},
        lambda images: {"test/evil.yaml": images.pod("wrong"), "clusters/evil.yaml": flux("./test")},
        _EXCLUDED,
    ),
    "an excluded folder that Flux turns to": Attempt(
        lambda images: {
            "clusters/apps.yaml": flux("./apps"),
            "apps/api.yaml": images.pod("api"),
            "test/evil.yaml": images.pod("wrong"),
        },
        lambda _: {"clusters/apps.yaml": flux("./test")},
        _EXCLUDED,
    ),
    "a value that Flux fills in, where the rules say another": Attempt(
        lambda images: {"clusters/apps.yaml": flux("./apps", OTHER="x"), "apps/pod.yaml": filled_in(images)},
        lambda _: {"clusters/apps.yaml": flux("./apps", OTHER="x", NAME="wrong")},
        _FILLED,
    ),
    "a value that the rules fill in, deployed by somebody who fills in another": Attempt(
        lambda images: {"apps/kustomization.yaml": loads("pod.yaml"), "apps/pod.yaml": images.pod("api")},
        lambda images: {"apps/pod.yaml": filled_in(images), "clusters/apps.yaml": flux("./apps", NAME="wrong")},
        _FILLED,
    ),
    "an Application turned to what nothing deployed": Attempt(
        lambda images: {"clusters/app.yaml": argo("apps/api"), **leftover(images)},
        lambda _: {"clusters/app.yaml": argo("apps/old")},
    ),
    "a Flux Kustomization turned to what nothing deployed": Attempt(
        lambda images: {"clusters/apps.yaml": flux("./apps/api"), **leftover(images)},
        lambda _: {"clusters/apps.yaml": flux("./apps/old")},
    ),
    "a kept root that another one loads": Attempt(
        lambda images: {"prod/kustomization.yaml": loads("../apps/api"), **leftover(images)},
        lambda _: {"prod/kustomization.yaml": loads("../apps/api", "../apps/old")},
    ),
    "a deployer in an excluded folder that a root loads": Attempt(
        lambda images: {
            "clusters/kustomization.yaml": loads("../test"),
            "test/kustomization.yaml": loads("apps.yaml"),
            "test/apps.yaml": flux("./apps", NAME="api"),
            "apps/pod.yaml": filled_in(images),
        },
        lambda _: {"test/apps.yaml": flux("./apps", NAME="wrong")},
        _EXCLUDED,
    ),
    "an alias of what a build pushes": Attempt(
        lambda _: {},
        lambda images: {
            "build.yaml": "apiVersion: build.openshift.io/v1\nkind: BuildConfig\nmetadata: {name: b}\nspec:\n"
            f"  output: {{to: &there {{kind: DockerImage, name: '{images.ref('wrong')}'}}}}\n"
            "  strategy: {dockerStrategy: {from: *there}}\n"
        },
    ),
    "a comment that asks to look away": Attempt(
        lambda _: {},
        lambda images: {"new.yaml": images.pod("wrong").replace("1.0\n", "1.0  # auditor: ignore wrong-signer\n")},
    ),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_image_is_judged_all_the_same(house: House, name: str) -> None:
    attempt, images = ATTEMPTS[name], house.images
    house.commit_base({"auditor.yaml": images.rules(attempt.rules), **attempt.base(images)})
    house.commit(attempt.change(images))
    ran = house.check()
    assert (ran.status, ran.verdicts["wrong"]) == (1, "wrong-signer")


# ── `in:` ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_development(images: Images, demand: str) -> str:
    """An entry for what stands in the folder of development, before others."""
    return f"  - {{match: '{images.registry.host}/acme/**', in: 'clusters/dev/**', pinned: ignore, {demand}}}\n"


def from_development(house: House, entries: str, image: str) -> None:
    """Production loads a folder of development, in which a change puts an image."""
    images = house.images
    house.commit_base(
        {
            "auditor.yaml": images.rules(images=entries),
            "clusters/prod/kustomization.yaml": loads("api.yaml"),
            "clusters/prod/api.yaml": images.pod("api"),
        }
    )
    house.commit(
        {
            "clusters/dev/kustomization.yaml": loads("pod.yaml"),
            "clusters/dev/pod.yaml": images.pod(image),
            "clusters/prod/kustomization.yaml": loads("api.yaml", "../dev"),
        }
    )


def test_production_that_loads_an_unsigned_image_from_development_is_production(house: House) -> None:
    from_development(house, in_development(house.images, "unsigned: allow, reason: try it"), "unsigned")
    ran = house.check()
    assert (ran.status, "unsigned-image" in ran.rules) == (1, True)


DEV_SIGNER = "\n  dev: {github: evil/*}"
"""Whoever may sign for development, and nowhere else."""


def lenient_rules(images: Images, *demands: str, covered: str = "") -> str:
    """Rules whose first entries are for development. `covered`: only there does the last entry hold."""
    entries = "".join(in_development(images, demand) for demand in demands)
    text = images.rules(images=entries).replace("release: {github: acme/*}", "release: {github: acme/*}" + DEV_SIGNER)
    return text.replace("signed-by: release, pinned", f"{covered}signed-by: release, pinned")


BRINGERS: dict[str, Callable[[], Files]] = {
    "a root that loads it": lambda: {"clusters/prod/kustomization.yaml": loads("api.yaml", "../dev")},
    "a Flux Kustomization": lambda: {"clusters/prod/dev.yaml": flux("./clusters/dev")},
    "an Application": lambda: {"clusters/prod/dev.yaml": argo("clusters/dev")},
    "a Flux Kustomization in a root": lambda: {
        "clusters/prod/kustomization.yaml": loads("api.yaml", "../../shared"),
        "shared/kustomization.yaml": loads("dev.yaml"),
        "shared/dev.yaml": flux("./clusters/dev"),
    },
    "a Flux Kustomization that another one brings": lambda: {
        "clusters/prod/more.yaml": flux("./clusters/dev/flux"),
        "clusters/dev/flux/dev.yaml": flux("./clusters/dev/apps").replace("name: apps", "name: deeper"),
        "clusters/dev/apps/kustomization.yaml": loads("../pod.yaml"),
    },
}
DEMANDS = {"unsigned": "unsigned: allow, reason: try it", "wrong": "signed-by: dev"}


@pytest.mark.parametrize("covered", ["", "in: 'clusters/prod/**', "], ids=["everywhere", "production"])
@pytest.mark.parametrize("image", DEMANDS)
@pytest.mark.parametrize("bringer", BRINGERS)
def test_what_is_good_enough_for_development_is_not_for_production(
    house: House, bringer: str, image: str, covered: str
) -> None:
    """Development deploys it already, by rules of its own; then production does."""
    images = house.images
    house.commit_base(
        {
            "auditor.yaml": lenient_rules(images, DEMANDS[image], covered=covered),
            "clusters/dev/kustomization.yaml": loads("pod.yaml"),
            "clusters/dev/pod.yaml": images.pod(image),
            "clusters/prod/kustomization.yaml": loads("api.yaml"),
            "clusters/prod/api.yaml": images.pod("api"),
            "api.yaml": "",
        }
    )
    assert house.check().status == 0
    house.commit(BRINGERS[bringer]())
    ran = house.check()
    assert ran.status == 1, ran.out
    assert {"unsigned-image", "wrong-signer", "uncovered-image"} & set(ran.rules)
    assert house.check("--changed-only").rules == ran.rules


@pytest.mark.parametrize("image", DEMANDS)
@pytest.mark.parametrize("deployer", [flux("./clusters/dev/apps"), argo("clusters/dev/apps")], ids=["flux", "argo"])
def test_development_that_deploys_itself_goes_by_its_own_rules(house: House, image: str, deployer: str) -> None:
    images = house.images
    house.commit_base({"auditor.yaml": lenient_rules(images, DEMANDS[image]), "clusters/dev/apps/pod.yaml": ""})
    house.commit({"clusters/dev/apps/pod.yaml": images.pod(image), "clusters/dev/apps.yaml": deployer})
    assert house.check().status == 0


def test_an_entry_for_a_directory_holds_wherever_it_is_deployed_from(house: House) -> None:
    """Of a place that no `in:` names nobody asks for an entry of its own."""
    images = house.images
    rules = images.rules().replace("signed-by: release", "in: 'apps/prod/**', signed-by: release")
    house.commit_base({"auditor.yaml": rules, "api.yaml": ""})
    house.commit({"clusters/prod/apps.yaml": flux("./apps/prod"), "apps/prod/pods.yaml": images.pod("web", "wrong")})
    assert house.check().verdicts == {"web": "verified", "wrong": "wrong-signer"}


def test_an_entry_for_a_cluster_holds_for_what_it_deploys_from_elsewhere(house: House) -> None:
    images = house.images
    rules = images.rules().replace("signed-by: release", "in: 'clusters/prod/**', signed-by: release")
    house.commit_base({"auditor.yaml": rules, "api.yaml": ""})
    house.commit({"clusters/prod/apps.yaml": flux("./apps"), "apps/pods.yaml": images.pod("web", "wrong")})
    assert house.check().verdicts == {"web": "verified", "wrong": "wrong-signer"}


# ── roots ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_laboratory_cannot_mint_the_identities_of_others(house: House) -> None:
    with OciRegistry() as registry:
        images = Images(registry)
        laboratory = Sigstore("lab.acme.example")
        digest = images.push("minted")
        signed = laboratory.attest(digest, github("acme/minted"), AT, REKOR_V2)
        push_signatures(registry, "acme/minted", digest, bundle(signed))
        two = (
            "trust: [{file: trust/root.json, issuers: ['https://token.actions.githubusercontent.com']}, "
            "{file: trust/lab.json, issuers: ['https://gitlab.acme.example']}]"
        )
        rules = images.rules().replace("trust: [{file: trust/root.json}]", two)
        house.commit_base({"auditor.yaml": rules, "trust/lab.json": json.dumps(laboratory.trusted_root())})
        house.commit({"new.yaml": images.pod("minted", "web")})
        ran = house.check()
        assert (ran.status, ran.verdicts) == (1, {"minted": "wrong-signer", "web": "verified"})
        assert "does not vouch for issuer" in ran.finding("wrong-signer")["message"]
