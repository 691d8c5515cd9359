"""What Flux deploys of a tree, and that no change hides an image behind it."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from auditor.config.rules import ManifestSettings
from auditor.limits import Limits
from auditor.manifests.inventory import Inventory, Shared, inventory
from auditor.manifests.reach.reach import Reach, reach
from auditor.model.use import Use, Via
from auditor.source.memory import MemoryTree


def pod(image: str, name: str = "web") -> str:
    body = f"spec: {{containers: [{{name: app, image: '{image}'}}]}}"
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n{body}\n"


def flux(path: str, *, name: str = "apps", source: str = "flux-system", **spec: str) -> str:
    more = "".join(f"  {key}: {value}\n" for key, value in spec.items())
    return (
        f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}}}\n"
        f"spec:\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: {source}}}\n{more}"
    )


def settings(**values: str) -> str:
    data = "".join(f"  {key}: '{value}'\n" for key, value in values.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata:\n{data}"


def read(files: Mapping[str, str], before: Inventory | None = None, **options: object) -> Inventory:
    tree = MemoryTree({path: text.encode() for path, text in files.items()}, "tree")
    rules = options.pop("rules", ManifestSettings())
    return inventory(tree, rules, before=before, **options)  # type: ignore[arg-type]


def images(found: Inventory, root: str | None = "apps") -> set[str]:
    return {use.reference for use in found.uses if use.root == root}


def only(found: Inventory) -> Use:
    (use,) = found.uses
    return use


KUSTOMIZATION = {"apps/kustomization.yaml": "resources: [pod.yaml]\n"}
FROM = "{substituteFrom: [{kind: ConfigMap, name: settings}]}"


def test_a_directory_without_kustomization_is_applied_with_all_below() -> None:
    found = read({"c.yaml": flux("./apps"), "apps/a.yaml": pod("a:1"), "apps/x/b.yml": pod("b:1", "b")})
    assert images(found) == {"a:1", "b:1"}
    assert found.loose == ("c.yaml",)


def test_a_kustomization_below_it_is_applied_as_a_whole() -> None:
    files = {"apps/x/kustomization.yaml": "resources: [b.yaml]\nimages: [{name: b, newTag: '2'}]\n"}
    found = read({**files, "c.yaml": flux("./apps"), "apps/x/b.yaml": pod("b:1"), "apps/x/not.yaml": pod("c:1")})
    assert images(found) == {"b:2"}
    assert images(found, None) == {"c:1"}  # no kustomization loads it: it may be applied by somebody else


@pytest.mark.parametrize("path", ["./apps", "apps", "/apps/", "./x/../apps"])
def test_a_path_is_that_of_the_source(path: str) -> None:
    assert images(read({"c.yaml": flux(path), "apps/a.yaml": pod("a:1")})) == {"a:1"}


def test_what_it_puts_on_top() -> None:
    component = "kind: Component\npatches: [{path: p.yaml}]\n"
    on_top = flux(
        "./apps",
        targetNamespace="prod",
        images="[{name: nginx, newTag: '2'}]",
        components="[../part]",
        patches="[{patch: '[{op: add, path: /spec/containers/-, value: {name: b, image: b:1}}]', target: {kind: Pod}}]",
    )
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "c.yaml": on_top}
    found = read({**files, "part/kustomization.yaml": component, "part/p.yaml": pod("unused:1").replace("app", "c")})
    assert images(found) == {"nginx:2", "b:1", "unused:1"}
    assert {use.workload.namespace for use in found.uses if use.root == "apps" and use.workload} == {"prod"}


COMPONENT = {
    **KUSTOMIZATION,
    "apps/pod.yaml": pod("web:1"),
    "parts/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [job.yaml]\n",
    "parts/job.yaml": pod("job:${TAG}", "job"),
}
WITH_COMPONENT = {"c.yaml": flux("./apps", components="[../parts]", postBuild="{substitute: {TAG: v1}}")}


def test_a_component_of_a_deployer_is_no_entry_point_of_its_own() -> None:
    """By itself it would be read without the values that are filled in where it is deployed."""
    found = read({**COMPONENT, **WITH_COMPONENT})
    assert {(use.reference, use.root) for use in found.uses} == {("web:1", "apps"), ("job:v1", "apps")}
    assert not found.gaps
    alone = read({**COMPONENT, "c.yaml": flux("./apps")})
    assert ("job:${TAG}", "parts") in {(use.reference, use.root) for use in alone.uses}


def test_a_change_cannot_hide_a_component_behind_a_deployer() -> None:
    found = read({**COMPONENT, **WITH_COMPONENT}, before=read({**COMPONENT, "c.yaml": flux("./apps")}))
    assert ("job:${TAG}", "parts") in {(use.reference, use.root) for use in found.uses}


def test_a_change_of_a_component_is_seen_where_it_is_deployed() -> None:
    base = {path: text.encode() for path, text in {**COMPONENT, **WITH_COMPONENT}.items()}
    head = {**base, "parts/job.yaml": pod("other:${TAG}", "job").encode()}
    trees, rules, shared = (MemoryTree(base, "base"), MemoryTree(head, "head")), ManifestSettings(), Shared()
    changed = frozenset({"parts/job.yaml"})
    within = reach(trees, rules, shared, changed)
    part = within if isinstance(within, Reach) else None
    found = inventory(trees[1], rules, shared, within=part, changed=changed)
    assert ("other:v1", "apps") in {(use.reference, use.root) for use in found.uses}


def test_an_images_entry_of_the_same_name_is_replaced() -> None:
    own = "resources: [pod.yaml]\nimages: [{name: nginx, newName: evil, newTag: '1'}]\n"
    entry = "[{name: nginx, newName: ghcr.io/acme/nginx, newTag: '2'}]"
    files = {"apps/kustomization.yaml": own, "apps/pod.yaml": pod("nginx:0"), "c.yaml": flux("apps", images=entry)}
    assert images(read(files)) == {"ghcr.io/acme/nginx:2"}


def test_a_kustomization_is_patched_before_it_is_followed() -> None:
    files = {
        "base/kustomization.yaml": "resources: [k.yaml]\n",
        "base/k.yaml": flux("./nowhere"),
        "prod/kustomization.yaml": "resources: [../base]\npatches: [{path: p.yaml}]\n",
        "prod/p.yaml": flux("./apps"),
        "apps/a.yaml": pod("a:1"),
    }
    found = read(files)
    assert images(found) == {"a:1"}
    assert not found.gaps


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_is_the_line_to_edit() -> None:
    files = {"c.yaml": flux("apps", postBuild="{substitute: {TAG: v2}}"), "apps/a.yaml": pod("a/b:${TAG}")}
    use = only(read(files))
    assert (use.reference, use.via, str(use.place), str(use.base)) == (
        "a/b:v2",
        Via.SUBSTITUTE,
        "c.yaml:7",
        "apps/a.yaml:4",
    )
    assert use.place.key_path == "spec.postBuild.substitute.TAG"


def test_its_own_values_win_over_those_it_gets_from_elsewhere() -> None:
    build = "{substitute: {TAG: own}, substituteFrom: [{kind: ConfigMap, name: settings}]}"
    files = {"c.yaml": flux("apps", postBuild=build), "apps/a.yaml": pod("a/${X}:${TAG}")}
    assert images(read({**files, "s.yaml": settings(TAG="other", X="x")})) == {"a/x:own"}


def test_the_nearest_settings_count() -> None:
    files = {f"{name}/s.yaml": settings(TAG=name) for name in ("one", "two")}
    files |= {"one/c.yaml": flux("apps", postBuild=FROM), "apps/a.yaml": pod("a/b:${TAG}")}
    assert images(read(files)) == {"a/b:one"}


def test_each_of_several_that_may_be_meant_counts() -> None:
    files = {f"{name}/s.yaml": settings(TAG=name) for name in ("one", "two")}
    files |= {"three/c.yaml": flux("apps", postBuild=FROM), "apps/a.yaml": pod("a/b:${TAG}")}
    assert images(read(files)) == {"a/b:one", "a/b:two"}


def test_a_generated_config_map() -> None:
    generator = "configMapGenerator: [{name: settings, literals: [TAG=v3]}]\n"
    files = {"k/kustomization.yaml": generator, "c.yaml": flux("apps", postBuild=FROM)}
    assert images(read({**files, "apps/a.yaml": pod("a/b:${TAG}")})) == {"a/b:v3"}


def test_a_secret_is_decoded_and_an_encrypted_one_is_told() -> None:
    build = "{substituteFrom: [{kind: Secret, name: s}]}"
    files = {"c.yaml": flux("apps", postBuild=build), "apps/a.yaml": pod("a/${NAME}:${TAG}")}
    secret = (
        f"kind: Secret\napiVersion: v1\nmetadata: {{name: s}}\ndata: {{NAME: {base64.b64encode(b'api').decode()}}}\n"
    )
    found = read({**files, "s.yaml": f"{secret}stringData: {{TAG: 'ENC[AES256_GCM,data:x]'}}\n"})
    assert images(found) == {"a/api:${TAG}"}
    assert {gap.rule for gap in found.gaps if gap.what != "encrypted settings"} == {"templated-reference"}
    assert [str(gap.place) for gap in found.gaps if gap.what == "encrypted settings"] == ["s.yaml:1"]


def test_what_has_no_value_stays_a_gap() -> None:
    found = read({"c.yaml": flux("apps", postBuild="{substitute: {A: b}}"), "apps/a.yaml": pod("a/b:${TAG}")})
    assert [gap.rule for gap in found.gaps] == ["templated-reference"]


def test_nothing_is_filled_in_where_the_object_forbids_it() -> None:
    closed = pod("a/b:${TAG}").replace(
        "{name: web}", "{name: web, labels: {kustomize.toolkit.fluxcd.io/substitute: disabled}}"
    )
    found = read({"c.yaml": flux("apps", postBuild="{substitute: {TAG: v2}}"), "apps/a.yaml": closed})
    assert images(found) == {"a/b:${TAG}"}


def test_values_of_the_rules_reach_what_is_deployed_from_below_their_directory() -> None:
    rules = ManifestSettings(substitute={"clusters/prod": {"DOMAIN": "registry.acme.example"}})
    files = {"clusters/prod/c.yaml": flux("apps"), "apps/a.yaml": pod("${DOMAIN}/api:1")}
    use = only(read(files, rules=rules))
    assert (use.reference, str(use.place), use.via) == ("registry.acme.example/api:1", "apps/a.yaml:4", Via.SUBSTITUTE)
    assert images(read({"clusters/test/c.yaml": flux("apps"), **files, "clusters/prod/c.yaml": ""}, rules=rules)) == {
        "${DOMAIN}/api:1"
    }


# ── other sources, circles, hiding ───────────────────────────────────────────────────────────────────────────────────────


def test_what_is_not_in_the_tree_is_named() -> None:
    (gap,) = read({"c.yaml": flux("./deploy", source="elsewhere")}).gaps
    assert gap.rule == "unrendered"
    assert "GitRepository elsewhere" in gap.why


@pytest.mark.parametrize("path", ["../..", "../apps", "./x/../../y"])
def test_a_path_that_leads_out(path: str) -> None:
    assert [gap.what for gap in read({"c.yaml": flux(path)}).gaps] == ["path out of the tree"]


def test_the_top_of_another_source_is_not_this_tree() -> None:
    found = read({"c.yaml": flux("./", source="elsewhere"), "a.yaml": pod("a:1")})
    assert images(found, None) == {"a:1"}
    assert [gap.what for gap in found.gaps] == ["deployed from elsewhere"]


def test_a_cluster_that_deploys_itself() -> None:
    files = {"prod/flux/k.yaml": flux("./prod", name="flux-system", postBuild="{substitute: {TAG: '1'}}")}
    files |= {"prod/flux/kustomization.yaml": "resources: [k.yaml]\n", "prod/a.yaml": pod("a/b:${TAG}")}
    found = read(files)
    assert images(found, "prod") == {"a/b:1"}
    assert not found.gaps


def test_a_circle_of_two() -> None:
    files = {"a/k.yaml": flux("./b", name="b"), "b/k.yaml": flux("./a", name="a"), "a/p.yaml": pod("a:1")}
    found = read({**files, "b/p.yaml": pod("b:1")})
    assert {use.reference for use in found.uses} == {"a:1", "b:1"}


def test_more_deployments_than_the_limit_are_told() -> None:
    files = {f"d{index}/p.yaml": pod(f"a:{index}", f"p{index}") for index in range(9)}
    files["c.yaml"] = "---\n".join(flux(f"d{index}", name=f"k{index}") for index in range(9))
    found = read(files, limits=Limits(deployments=4))
    assert {use.reference for use in found.uses} == {f"a:{index}" for index in range(9)}
    assert "too many deployments" in {gap.what for gap in found.gaps}


def test_a_new_overlay_hides_nothing_of_a_new_directory_that_is_deployed_by_itself() -> None:
    hiding = {"over/kustomization.yaml": "resources: [../apps]\nimages: [{name: evil, newName: good}]\n"}
    found = read({**KUSTOMIZATION, **hiding, "apps/pod.yaml": pod("evil:1"), "c.yaml": flux("apps")})
    assert images(found) == {"evil:1"}
    assert images(found, "over") == {"good:1"}


def test_a_change_cannot_hide_a_root_behind_a_deployer_that_overrides_it() -> None:
    base = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1")}
    before = read(base)
    covers = {"c.yaml": flux("apps", images="[{name: evil, newName: nginx}]")}
    after = read({**base, **covers, "apps/pod.yaml": pod("evil:1")}, before)
    assert images(after) == {"evil:1", "nginx:1"}


def test_a_change_cannot_hide_loose_manifests_behind_a_deployer() -> None:
    before = read({"apps/pod.yaml": pod("nginx:1")})
    covers = {"c.yaml": flux("apps", images="[{name: evil, newName: nginx}]")}
    after = read({**covers, "apps/pod.yaml": pod("evil:1")}, before)
    assert {use.reference for use in after.uses} == {"evil:1", "nginx:1"}


def test_a_root_stays_when_its_deployer_goes() -> None:
    base = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1"), "c.yaml": flux("apps")}
    before = read(base)
    after = read({**base, "c.yaml": "", "over/kustomization.yaml": "resources: [../apps]\n"}, before)
    assert images(after) == {"nginx:1"}


def test_a_value_that_changes_is_a_new_use() -> None:
    shared = Shared()
    files = {"c.yaml": flux("apps", postBuild=FROM), "apps/a.yaml": pod("a/b:${TAG}")}
    before = read({**files, "s.yaml": settings(TAG="1")}, shared=shared)
    after = read({**files, "s.yaml": settings(TAG="2")}, before, shared=shared)
    assert (images(before), images(after)) == ({"a/b:1"}, {"a/b:2"})


def test_what_is_put_on_top_is_no_use_where_it_is_written() -> None:
    patch = "[{patch: '{spec: {containers: [{name: app, image: b:2}]}}', target: {kind: Pod}}]"
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("a:1"), "c.yaml": flux("apps", patches=patch)}
    assert [(use.reference, use.root) for use in read(files).uses] == [("b:2", "apps")]
    elsewhere = {"c.yaml": flux("nowhere", patches=patch)}
    assert [(use.reference, use.root) for use in read(elsewhere).uses] == [("b:2", None)]


def test_an_artifact_that_is_made_of_the_tree() -> None:
    def generator(cluster: str) -> str:
        return (
            "apiVersion: source.extensions.fluxcd.io/v1beta1\nkind: ArtifactGenerator\nmetadata: {name: g}\n"
            "spec:\n  sources: [{alias: repo, kind: GitRepository, name: flux-system}]\n"
            "  artifacts:\n    - name: apps\n      copy:\n"
            f"        - {{from: '@repo/apps/{cluster}/**', to: '@artifact/cluster/'}}\n"
        )

    files = {f"{name}/g.yaml": generator(name) for name in ("prod", "test")}
    files |= {
        f"{name}/k.yaml": flux("./cluster").replace("GitRepository", "ExternalArtifact").replace("flux-system", "apps")
        for name in ("prod", "test")
    }
    files |= {f"apps/{name}/p.yaml": pod(f"{name}:${{TAG:=1}}") for name in ("prod", "test")}
    found = read(files)
    assert (images(found, "apps/prod"), images(found, "apps/test")) == ({"prod:${TAG:=1}"}, {"test:${TAG:=1}"})
    assert {gap.rule for gap in found.gaps} == {"templated-reference"}  # without postBuild nothing is filled in


@pytest.mark.parametrize(
    ("plain", "written"),
    [
        ("ConfigMap", '"\\x43onfigMap"'),
        ("ConfigMap", "!!binary Q29uZmlnTWFw"),
        ("name: settings", 'name: "setti\\x6egs"'),
    ],
)
def test_values_however_their_object_is_written(plain: str, written: str) -> None:
    """Not found, they would be taken for values of the cluster: a change to them would change nothing."""
    values = settings(TAG="3").replace(plain, written)
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:${TAG}"), "c.yaml": flux("./apps", postBuild=FROM)}
    found = read({**files, "s.yaml": values})
    assert (images(found), found.gaps) == ({"nginx:3"}, ())


@pytest.mark.parametrize("group", ['"\\x6bustomize.toolkit.fluxcd.io/v1"', "&v kustomize.toolkit.fluxcd.io/v1"])
def test_a_deployer_however_its_group_is_written(group: str) -> None:
    files = {**KUSTOMIZATION, "apps/pod.yaml": pod("nginx:1")}
    written = flux("./apps", images="[{name: nginx, newName: evil}]").replace("kustomize.toolkit.fluxcd.io/v1", group)
    assert images(read({**files, "c.yaml": written})) == {"evil:1"}
