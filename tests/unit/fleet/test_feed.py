"""Questions that come while others are asked: each is taken once, and whoever waits for them is let go."""

from __future__ import annotations

import threading

from auditor.fleet import wire
from auditor.fleet.engines.threads import Threads
from auditor.fleet.feed import Feed
from auditor.fleet.grounds import Ground, question
from auditor.fleet.settings import Settings
from auditor.fleet.work import Asking, Job, Kind, Lost
from auditor.fleet.workshop import Workshop
from tests.support.nights import FIRST
from tests.unit.fleet.test_grounds import TEXTS, answer, ask, asked, ground


def test_each_question_is_taken_once_by_one_of_many() -> None:
    feed, taken = Feed(), list[str]()

    def take() -> None:
        while (some := feed.take()) is not None:
            taken.extend(each.text for each in some)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for text in TEXTS:
        feed.put([ask(text)])
    feed.close()
    for thread in threads:
        thread.join(10)
    assert sorted(taken) == sorted(TEXTS)
    assert [each.text for each in feed.given] == TEXTS


def test_nothing_that_waits_is_lost_when_it_is_closed() -> None:
    feed = Feed()
    feed.put([ask(TEXTS[0])])
    feed.close()
    feed.put([ask(TEXTS[1])])
    assert [each.text for each in feed] == TEXTS[:1]
    assert feed.take(0) is None


def test_whoever_asks_anew_takes_all_that_was_given() -> None:
    feed = Feed()
    feed.put([ask(TEXTS[0])])
    assert feed.take(0) == (ask(TEXTS[0]),)
    feed.put([ask(TEXTS[1])])
    assert feed.drained() == (ask(TEXTS[0]), ask(TEXTS[1]))
    assert feed.take(0) == ()


def test_what_is_added_to_a_ground_is_asked_with_what_was_begun_early() -> None:
    some = ground(())
    assert [some.add([ask(text)]) for text in TEXTS[:3]] == [0, 0, 0]
    assert (some.waiting, some.grows) == (3, False)
    job = some.early()
    assert asked(job) == TEXTS[:3]
    assert job.more is not None
    list(some.take(job, answer(ask(TEXTS[0]))))
    assert [some.add(map(ask, TEXTS[:number])) for number in (3, 5)] == [0, 2]
    some.complete()
    assert [each.text for each in job.more] == TEXTS[3:5]
    assert [each.text for each in some.open()] == TEXTS[1:5]


def test_what_is_lost_of_a_job_that_grew_is_lost_with_all_that_it_was_given() -> None:
    some = Ground("g", (), None, None, given=False)
    some.add([ask(TEXTS[0])])
    job = some.early()
    some.add([ask(TEXTS[1])])
    lost = dict(some.take(job, Lost("gone")))
    assert set(lost) == {question(ask(text)) for text in TEXTS[:2]}
    assert some.open() == []


def test_an_engine_that_is_left_lets_go_of_those_who_wait_for_questions() -> None:
    """In a thread that waits for a question that never comes, no pool would end."""
    settings = Settings(FIRST, render="never", offline=True)
    feed = Feed()
    jobs = iter([Job("g/early", Kind.ASK, wire.write(Asking((), None, ())), more=feed), None])

    with Workshop(settings, {}) as workshop:
        outcomes = Threads(workshop, 2).run(jobs)
        next(outcomes)  # the trust roots, or why there are none
        closing = threading.Thread(target=outcomes.close)  # type: ignore[attr-defined] # a generator
        closing.start()
        closing.join(20)
        assert not closing.is_alive()
    assert feed.take(0) is None
