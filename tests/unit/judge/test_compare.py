"""What is new, what is kept, what goes, and what takes whose place."""

from __future__ import annotations

import time
from dataclasses import replace

from auditor.judge.compare import compare, surviving
from auditor.judge.governing import Governing, label
from auditor.model.place import Place
from tests.support.judging import API, entry, exempt, rules, use, within

OLD = "ghcr.io/acme/api:2.0"


def test_without_a_base_everything_gates() -> None:
    comparison = compare(None, (use(), use(OLD)))
    assert comparison.whole
    assert comparison.added == (use(), use(OLD))
    assert not comparison.kept


def test_a_use_that_moves_inside_its_root_is_kept() -> None:
    moved = replace(use(), place=Place("clusters/prod/other.yaml", 99), container="other")
    comparison = compare((use(),), (moved,))
    assert (comparison.added, comparison.kept, comparison.removed) == ((), (moved,), ())


def test_promotion_from_one_root_to_another_is_new() -> None:
    staging, prod = use(root="clusters/staging"), use(root="clusters/prod")
    comparison = compare((staging,), (staging, prod))
    assert (comparison.added, comparison.kept) == ((prod,), (staging,))


def test_another_tag_is_new_and_replaces_the_old_one() -> None:
    comparison = compare((use(OLD),), (use(),))
    assert (comparison.added, comparison.removed) == ((use(),), (use(OLD),))
    assert comparison.previous == {use(): use(OLD)}


def test_what_stays_is_replaced_by_nothing() -> None:
    old, sidecar = use(OLD), use(container="sidecar")
    assert compare((old,), (old, sidecar)).previous == {}


def test_the_nearest_relation_wins() -> None:
    same_container = use("docker.io/acme/other:1")
    same_repository = use(OLD, workload="other")
    comparison = compare((same_repository, same_container), (use(),))
    assert comparison.previous == {use(): same_container}
    assert compare((same_repository,), (use(),)).previous == {use(): same_repository}


def test_a_registry_that_moves_with_a_renamed_container_is_still_a_replacement() -> None:
    old = use("docker.io/acme/api:2.0", container="old", workload="old")
    assert compare((old,), (use(),)).previous == {use(): old}
    assert compare((replace(old, root="clusters/staging"),), (use(),)).previous == {}


def test_loose_manifests_are_compared_by_workload() -> None:
    here, moved = use(root=None), use(root=None, file="elsewhere.yaml")
    assert compare((here,), (moved,)).kept == (moved,)
    assert compare((here,), (use(root=None, workload="web"),)).added == (use(root=None, workload="web"),)
    bare = replace(here, workload=None)
    assert compare((bare,), (replace(bare, place=Place("elsewhere.yaml", 1)),)).added


def test_a_loose_manifest_that_is_copied_to_another_directory_is_new() -> None:
    staging, prod = use(root=None, file="staging/api.yaml"), use(root=None, file="prod/api.yaml")
    comparison = compare((staging,), (staging, prod))
    assert (comparison.added, comparison.kept) == ((prod,), (staging,))


def test_a_loose_manifest_may_move_to_another_directory_once() -> None:
    staging, prod, lab = (use(root=None, file=f"{name}/api.yaml") for name in ("staging", "prod", "lab"))
    moved = compare((staging,), (prod,))
    assert (moved.added, moved.kept, moved.removed) == ((), (prod,), ())
    parted = compare((staging,), (prod, lab))
    assert (len(parted.added), len(parted.kept)) == (1, 1)
    beside = use(root=None, file="staging/other.yaml")
    assert compare((staging,), (staging, beside)).kept == (staging, beside)


def test_what_base_has_taken_out_since_is_not_old_where_the_change_brings_it_back() -> None:
    file = "clusters/prod/other.yaml"
    back = replace(use(), place=Place(file, 1))
    assert surviving((use(),), (), (use(), back), frozenset({file})) == ()
    assert surviving((use(),), (use(),), (use(), back), frozenset({file})) == (use(),)
    assert surviving((use(),), (), (use(),), frozenset({"clusters/staging/api.yaml"})) == (use(),)
    top, elsewhere = use(root="."), use(root="other")
    assert surviving((top,), (), (top,), frozenset({"anywhere.yaml"})) == ()
    assert surviving((elsewhere,), (), (elsewhere,), frozenset({elsewhere.place.file})) == ()


def test_a_loose_manifest_that_base_has_taken_out_comes_back_in_any_touched_file() -> None:
    old, back = use(root=None), use(root=None, file="lab/api.yaml")
    assert surviving((old,), (), (old, back), frozenset({"lab/api.yaml"})) == ()
    assert surviving((old,), (), (old,), frozenset({"lab/api.yaml"})) == (old,)
    assert surviving((old,), (replace(old, deployed=False),), (old, back), frozenset({"lab/api.yaml"})) == ()


def test_a_loose_manifest_that_comes_under_another_entry_is_new() -> None:
    lenient = within(exempt("ghcr.io/acme/**", label="images[0]"), "staging/**")
    book = rules(lenient, entry(label="images[1]"))
    staging, prod = use(root=None, file="staging/api.yaml"), use(root=None, file="prod/api.yaml")
    governing = Governing(book)
    assert (label(staging, book), label(prod, book)) == ("images[0]", "images[1]")
    assert compare((staging,), (staging, prod), governing.label).added == (prod,)


def test_what_is_not_deployed_counts_on_neither_side() -> None:
    dormant = replace(use(), deployed=False)
    assert compare((dormant,), (use(),)).added == (use(),)
    assert compare((), (dormant,)).added == ()
    assert compare(None, (dormant,)).added == ()


def test_what_is_no_reference_is_compared_by_its_text() -> None:
    template = use("ghcr.io/acme/api:${TAG}")
    assert compare((template,), (template,)).kept == (template,)
    assert compare((), (template,)).added == (template,)


def test_many_uses_take_linear_time() -> None:
    def uses(tag: str, number: int) -> tuple:  # type: ignore[type-arg]
        return tuple(use(f"{API}-{tag}", workload=f"w{index}") for index in range(number))

    def seconds(number: int) -> float:
        before, after = uses("a", number), uses("b", number)
        start = time.process_time()
        assert len(compare(before, after).previous) == number
        return time.process_time() - start

    seconds(500)
    assert seconds(8000) < 40 * max(seconds(1000), 0.005)
