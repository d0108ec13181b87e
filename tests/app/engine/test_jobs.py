"""Background work: once for all, one at a time, with an end to it."""

import math
import threading
import time
from functools import partial

import pytest

from app.engine.jobs import MOST_ENDED, State, Workshop
from ngpt_inspect.errors import InspectError

LONG = 120
"""Seconds after which nothing more will come, however busy the machine is."""


@pytest.fixture
def workshop():
    return Workshop()


def counted(calls):
    return lambda progress: calls.append(1)


def test_work_is_done_and_forgotten(workshop):
    calls = []
    job = workshop.ask("a", "count", counted(calls))
    assert job.wait(LONG)
    assert job.state is State.DONE
    assert calls == [1]
    workshop.ask("a", "count", counted(calls)).wait(LONG)
    assert calls == [1, 1]


def test_equal_keys_are_one_job_whoever_asks(workshop):
    hold, calls = threading.Event(), []

    def slow(progress):
        calls.append(1)
        hold.wait(LONG)

    jobs = [workshop.ask("a", "slow", slow) for _ in range(10)]
    hold.set()
    assert all(job is jobs[0] for job in jobs)
    assert jobs[0].wait(LONG)
    assert calls == [1]


def test_one_thing_at_a_time_in_the_order_asked(workshop):
    seen, at_once, most = [], [0], [0]

    def work(name):
        def run(progress):
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            time.sleep(0.01)
            seen.append(name)
            at_once[0] -= 1

        return run

    for job in [workshop.ask(n, str(n), work(n)) for n in range(5)]:
        assert job.wait(LONG)
    assert seen == list(range(5))
    assert most == [1]


def test_what_takes_least_is_done_next(workshop):
    hold, seen = threading.Event(), []
    workshop.ask("hold", "hold", lambda progress: hold.wait(LONG))
    jobs = [workshop.ask("?", "?", lambda progress: seen.append("?"))]
    for name, seconds in {"a": 3, "b": 9, "c": 1, "d": 1}.items():
        work = partial(lambda name, progress: seen.append(name), name)
        jobs.append(workshop.ask(name, name, work, seconds=partial(float, seconds)))
    hold.set()
    assert all(job.wait(LONG) for job in jobs)
    assert seen == ["c", "d", "a", "b", "?"]


def test_a_running_job_can_be_stopped_and_asked_for_again(workshop):
    begun = threading.Event()

    def endless(progress):
        begun.set()
        while True:
            progress(1, 10)
            time.sleep(0.001)

    job = workshop.ask("a", "endless", endless)
    assert begun.wait(LONG)
    assert job.state is State.RUNNING
    job.stop()
    assert job.wait(LONG)
    assert job.state is State.STOPPED
    assert workshop.ask("a", "endless", endless) is job
    workshop.forget(job)
    assert workshop.ask("a", "short", lambda progress: None).wait(LONG)


def test_a_waiting_job_that_is_stopped_never_begins(workshop):
    hold, calls = threading.Event(), []
    first = workshop.ask("first", "first", lambda progress: hold.wait(LONG))
    second = workshop.ask("second", "second", counted(calls))
    second.stop()
    hold.set()
    assert first.wait(LONG)
    assert second.wait(LONG)
    assert second.state is State.STOPPED
    assert calls == []


def test_a_users_mistake_is_one_sentence_and_stays(workshop):
    def fail(progress):
        raise InspectError("no layer 9", where="gpt", next_step="layers are 0 to 3")

    job = workshop.ask("a", "fails", fail)
    assert job.wait(LONG)
    assert (job.state, job.error) == (State.FAILED, "gpt: no layer 9; layers are 0 to 3")
    assert workshop.ask("a", "fails", fail) is job


def test_a_fault_of_ours_ends_the_job_and_not_the_workshop(workshop):
    job = workshop.ask("a", "divide", lambda progress: 1 / 0)
    assert job.wait(LONG)
    assert job.state is State.FAILED
    assert "a fault of ours" in job.error
    assert workshop.ask("b", "next", lambda progress: None).wait(LONG)


def test_the_time_left_follows_the_pace(workshop):
    half, hold = threading.Event(), threading.Event()

    def work(progress):
        time.sleep(0.2)
        progress(1, 2)
        half.set()
        hold.wait(LONG)

    asked = time.monotonic()
    job = workshop.ask("a", "half", work)
    assert half.wait(LONG)
    assert job.share == 0.5
    assert 0.2 <= job.remaining() <= time.monotonic() - asked, "the other half takes as long"
    hold.set()
    assert job.wait(LONG)
    assert job.remaining() is None


def test_a_job_is_looked_at_soon_at_first_and_then_ever_later_but_for_its_end(workshop):
    steps = [threading.Event() for _ in range(3)]

    def work(progress):
        steps[0].set()
        steps[1].wait(LONG)
        progress(99, 100)
        steps[2].set()
        hold.wait(LONG)

    hold = threading.Event()
    asked = time.monotonic()
    job = workshop.ask("a", "nearly", work)
    waiting = workshop.ask("b", "waits", lambda progress: None)
    assert steps[0].wait(LONG)
    time.sleep(0.2)
    assert 0.2 / 4 <= job.due() <= (time.monotonic() - asked) / 4
    assert waiting.due() == math.inf
    steps[1].set()
    assert steps[2].wait(LONG)
    assert job.due() <= (time.monotonic() - asked) / 99
    hold.set()
    assert waiting.wait(LONG)
    assert job.due() == math.inf


def test_what_failed_long_ago_is_forgotten(workshop):
    def fail(progress):
        raise InspectError("no")

    jobs = [workshop.ask(n, "fails", fail) for n in range(MOST_ENDED + 10)]
    assert jobs[-1].wait(LONG)
    assert workshop.ask("last", "ok", lambda progress: None).wait(LONG)
    assert workshop.ask(0, "fails", fail) is not jobs[0]
    assert workshop.ask(MOST_ENDED, "fails", fail) is jobs[MOST_ENDED]
