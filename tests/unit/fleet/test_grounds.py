"""Questions of many trees: which are handed out together, and which trees have all their answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.fleet import wire
from auditor.fleet.grounds import Awaiting, Ground, question
from auditor.fleet.work import Answered, Asked, Asking, Job, Lost, ask_outcome
from auditor.judge.ask import Ask
from auditor.model.evidence import Absent, Evidence, Fault, FaultKind, Form, Platform, Resolved, Unreadable
from auditor.model.reference import Digest, Reference

TEXTS = [f"{host}/acme/{name}:1" for host in ("ghcr.io", "quay.io", "docker.io") for name in ("api", "web", "worker")]


def ask(text: str) -> Ask:
    return Ask(text, Reference.parse(text))


def ground(texts: Sequence[str]) -> Ground:
    return Ground("g", (), None, None, given=False, asks=dict.fromkeys(map(ask, texts)))


def asked(job: Job) -> list[str]:
    asking: Asking = wire.read(job.content, Asking)
    assert job.size == len(asking.asks)
    return [each.text for each in asking.asks]


def test_questions_are_asked_in_the_order_of_the_trees() -> None:
    assert [asked(job) for job in ground(TEXTS[::-1]).jobs(4, by_host=False)] == [
        TEXTS[:4:-1],
        TEXTS[4:0:-1],
        TEXTS[:1],
    ]


def test_of_many_questions_each_host_has_a_lane() -> None:
    jobs = list(ground(TEXTS[::2] + TEXTS[1::2]).jobs(2, by_host=True))
    for job in jobs:
        assert {Reference.parse(text).host for text in asked(job)} == {job.lane}
    assert sorted(text for job in jobs for text in asked(job)) == sorted(TEXTS)
    assert len({job.name for job in jobs}) == len(jobs)
    (few,) = ground(TEXTS).jobs(9, by_host=True)
    assert (few.lane, asked(few)) == ("", TEXTS)


def answer(each: Ask) -> bytes:
    return wire.write(Answered(each, Evidence(Absent("not there"))))


def test_what_is_lost_piecewise_is_asked_one_by_one() -> None:
    some = ground(TEXTS[:3])
    (job,) = some.jobs(9, by_host=True)
    assert list(some.take(job, answer(ask(TEXTS[0])))) == [(question(ask(TEXTS[0])), answer(ask(TEXTS[0])))]
    assert list(some.take(job, Lost("killed", piecewise=True))) == []
    single = list(some.jobs(9, by_host=True))
    assert [asked(each) for each in single] == [[TEXTS[1]], [TEXTS[2]]]
    ((_, told),) = some.take(single[0], Lost("killed again"))
    outcome = ask_outcome(told)
    assert isinstance(outcome, Answered)
    assert isinstance(outcome.evidence.resolution, Fault), "nobody could tell, which is not unsigned"
    assert [asked(each) for each in some.jobs(9, by_host=True)] == [[TEXTS[2]]]


DIGEST = Digest("0" * 64)
LATE = Fault(FaultKind.DEADLINE, "the time for this run was over before it was answered")
UNREAD = Unreadable(Form.SIG, LATE)


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(LATE),
        Evidence(Resolved(DIGEST), (UNREAD,)),
        Evidence(Resolved(DIGEST), platforms=LATE),
        Evidence(Resolved(DIGEST), platforms=(Platform("linux/amd64", DIGEST, (UNREAD,)),)),
    ],
)
def test_what_there_was_no_time_for_is_no_answer_to_keep(evidence: Evidence) -> None:
    """A run that goes on would take it for what the registry has said."""
    some = ground(TEXTS[:1])
    (job,) = some.jobs(9, by_host=False)
    assert list(some.take(job, wire.write(Answered(ask(TEXTS[0]), evidence)))) == []
    assert some.open() == [ask(TEXTS[0])]


def test_what_nobody_could_tell_is_kept() -> None:
    some = ground(TEXTS[:1])
    (job,) = some.jobs(9, by_host=False)
    fault = Evidence(Fault(FaultKind.SERVER, "500"))
    assert len(list(some.take(job, wire.write(Answered(ask(TEXTS[0]), fault))))) == 1
    assert some.open() == []


def test_trust_roots_are_no_answer_to_a_question() -> None:
    some = ground(TEXTS[:1])
    (job,) = some.jobs(9, by_host=False)
    ((key, content),) = some.take(job, wire.write(Asked(notes=("told",))))
    assert some.evidences((ask(TEXTS[0]),)) is None
    assert some.notes == ("told",)
    some.answered[question(ask(TEXTS[0]))] = content
    with pytest.raises(wire.Garbled):
        some.evidences((ask(TEXTS[0]),))
    assert key == ""


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from(TEXTS), max_size=5), max_size=6),
    st.sets(st.sampled_from(TEXTS)),
    st.permutations(TEXTS),
)
def test_a_tree_is_complete_with_its_last_answer(
    trees: dict[str, list[str]], known: set[str], order: list[str]
) -> None:
    """Each once, at the answer that was missing; those that miss none are none of these."""
    asks = {name: tuple(ask(text) for text in texts) for name, texts in trees.items()}
    awaiting, answered = Awaiting(), {question(ask(text)): b"" for text in known}
    for name, questions in asks.items():
        assert awaiting.add(name, questions, answered) is not (set(trees[name]) <= known)
    have = set(known)
    for text in order:
        before = {name for name, texts in trees.items() if set(texts) <= have}
        have.add(text)
        now = {name for name, texts in trees.items() if set(texts) <= have}
        came = list(awaiting.answered(question(ask(text))))
        assert len(came) == len(set(came))
        assert set(came) == now - before
