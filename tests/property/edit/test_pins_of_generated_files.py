"""Over generated manifests, in every style that YAML has: a pin changes the scalar that it is for, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.edit.pins import is_unpinned
from auditor.model.reference import Reference
from tests.support.pin_laws import assert_lawful
from tests.support.pinning import digest_of, pin

names = st.sampled_from(["nginx", "ghcr.io/acme/api", "localhost:5000/web", "quay.io/a/b-c_d"])
tags = st.sampled_from(["", ":1.0", ":v1", ":latest", ":1", ":2026-01-01", f":1@{digest_of('x')}", ":${TAG}"])
comments = st.sampled_from(["", " # c", ' # {"$imagepolicy": "a:b"}', "  \t# image: nginx:1"])
styles = st.sampled_from(["{0}", "'{0}'", '"{0}"', "&a{1} {0}", "!!str {0}", ">-\n      {0}", "|\n      {0}"])


@st.composite
def containers(draw: st.DrawFn, number: int) -> str:
    image = draw(names) + draw(tags)
    style = draw(styles)
    if "\n" in style:
        return f"  - name: c{number}\n    image: {style.format(image, number)}\n"
    if draw(st.booleans()) and "${" not in image:
        return f"  - {{name: c{number}, image: {style.format(image, number)}}}{draw(comments)}\n"
    return f"  - name: c{number}\n    image: {style.format(image, number)}{draw(comments)}\n"


@st.composite
def pods(draw: st.DrawFn, name: str) -> str:
    extra = draw(st.sampled_from(["", "  hostname: ü\n", "  nodeSelector: {a: b}\n\n", "# above\n"]))
    inner = "".join(draw(containers(number)) for number in range(draw(st.integers(1, 3))))
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n{extra}  containers:\n{inner}"


@st.composite
def repositories(draw: st.DrawFn) -> dict[str, bytes]:
    documents = [draw(pods(f"p{number}")) for number in range(draw(st.integers(1, 3)))]
    text = draw(st.sampled_from(["", "# head\n", "%YAML 1.1\n---\n"])) + draw(
        st.sampled_from(["---\n", "--- # x\n"])
    ).join(documents)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    files = {"base/p.yaml": text.encode(), "base/kustomization.yaml": b"resources: [p.yaml]\n"}
    for root in draw(st.sets(st.sampled_from(["dev", "prod"]))):
        entry = draw(
            st.sampled_from(["", "images:\n- name: nginx\n  newTag: '7'\n", "images: [{name: nginx, newName: web}]\n"])
        )
        files[f"{root}/kustomization.yaml"] = f"resources: [../base]\n{entry}namePrefix: {root}-\n".encode()
    return files


@pytest.mark.slow
@given(repositories(), st.sampled_from(["", "dev/", "base/"]))
@settings(max_examples=150, deadline=None)
def test_pins_change_what_they_are_for(files: Mapping[str, bytes], scope: str) -> None:
    done = pin(files, inside=lambda file: file.startswith(scope))
    assert_lawful(done)
    assert all(file.startswith(scope) for file in done.after)
    for use, digest in done.plan.pinned.items():
        assert digest == digest_of(use.reference)
    again = pin({**files, **done.after}, inside=lambda file: file.startswith(scope))
    assert again.after == {}
    pinned = {(use.root, use.owner, Reference.parse(use.reference).name) for use in done.plan.pinned}
    unpinned = {(u.root, u.owner, Reference.parse(u.reference).name) for u in again.before.uses if is_unpinned(u)}
    assert not pinned & unpinned
