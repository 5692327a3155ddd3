"""The library's own threads: who takes part, who is told, and what a fork leaves."""

import os
import threading
import time

import numpy as np
import pytest

from fast_impl.kernels import made
from fast_impl.runtime import workers
from fast_impl.tests.targets import NATIVE


@pytest.fixture(autouse=True)
def _own_threads():
    """Each test starts the threads it needs, as a child of a fork does."""
    workers._after_fork()


if NATIVE is not None:
    made.team(NATIVE)


def together(count=2):
    """Run tasks that wait for each other: nobody gets through alone."""
    barrier = threading.Barrier(count)
    workers.run(lambda number, seat: barrier.wait(20), count, count)


def test_every_thread_asked_for_takes_part_again_and_again():
    for _ in range(3):
        together(3)


@pytest.mark.parametrize("threads", [1, 2, 3, 9])
def test_every_task_runs_once_on_a_seat_of_its_own(threads):
    done, busy, clashes = [], set(), []

    def task(number, seat):
        if seat in busy or not 0 <= seat < threads:
            clashes.append(seat)
        busy.add(seat)
        done.append(number)
        busy.discard(seat)

    workers.run(task, 200, threads)
    assert (sorted(done), clashes) == (list(range(200)), [])


def test_no_tasks_are_no_error():
    workers.run(lambda number, seat: pytest.fail("called"), 0, 2)


def test_one_thread_runs_the_tasks_in_order():
    done = []
    workers.run(lambda number, seat: done.append((number, seat)), 4, 1)
    assert done == [(0, 0), (1, 0), (2, 0), (3, 0)]


def test_helpers_report_no_floating_point_accidents():
    found = []
    barrier = threading.Barrier(2)

    def task(number, seat):
        barrier.wait(20)
        found.append((seat, set(np.geterr().values())))

    workers.run(task, 2, 2)
    assert dict(found)[1] == {"ignore"}


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_reaches_the_caller(failing):
    barrier = threading.Barrier(2)

    def task(number, seat):
        if number < 2:
            barrier.wait(20)
        if number == failing:
            raise KeyError(number)

    with pytest.raises(KeyError):
        workers.run(task, 1000, 2)


def test_after_an_error_no_task_is_begun():
    begun = []

    def task(number, seat):
        begun.append(number)
        raise KeyError(number)

    job = workers._Job(task, 3)
    job.work(0)
    job.work(1)
    assert (begun, repr(job.error)) == ([0], "KeyError(0)")


def test_a_helper_that_comes_late_finds_nothing_to_do():
    job = workers._Job(lambda number, seat: pytest.fail("called"), 3)
    job.close()
    job.join()
    assert (job._busy, job.error) == (0, None)


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    for cores, number in (({4, 7, 8}, 3), (set(), 1)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, c=cores: c, raising=False)
        assert workers.available_cores() == number
    monkeypatch.delattr(os, "sched_getaffinity")
    assert workers.available_cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert workers.available_cores() == 1


def test_a_child_starts_threads_of_its_own():
    together()
    workers._after_fork()
    assert (workers._Pool.queue, workers._Pool.size) == (None, 0)
    together()
    assert workers._Pool.size == 1


def test_a_call_runs_alone_where_the_system_starts_no_thread(monkeypatch):
    workers._after_fork()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _refuse)
        seats = []
        workers.run(lambda number, seat: seats.append(seat), 5, 4)
    assert (seats, workers._Pool.size, workers._Pool.queue.qsize()) == ([0] * 5, 0, 0)


def test_threads_that_could_not_start_are_started_by_the_next_call(monkeypatch):
    workers._after_fork()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _refuse)
        workers.run(lambda number, seat: None, 5, 4)
    together()
    assert workers._Pool.size == 1


def _refuse(thread):
    raise RuntimeError("can't start new thread")


def test_threads_are_named_after_the_library():
    together(3)
    names = {thread.name for thread in threading.enumerate() if thread.daemon}
    assert {"fast_impl-1", "fast_impl-2"} <= names


def test_an_interrupt_is_raised_when_the_helpers_are_done(monkeypatch):
    """They write into memory that is the caller's only until `run` returns."""
    together()
    joined, interrupted, done = threading.Event(), threading.Event(), threading.Event()

    class Impatient(threading.Condition):
        def wait(self, timeout=None):
            if not interrupted.is_set():
                interrupted.set()
                raise KeyboardInterrupt
            return super().wait(timeout)

    def task(number, seat):
        if seat:
            joined.set()
            assert interrupted.wait(10)
            done.set()
        else:
            assert joined.wait(10)

    monkeypatch.setattr(workers.threading, "Condition", Impatient)
    with pytest.raises(KeyboardInterrupt):
        workers.run(task, 2, 2)
    assert done.is_set()


@pytest.fixture(params=["a kernel waits", "nothing does"])
def _waiting(request, monkeypatch):
    """Threads that look on before they sleep, and threads that sleep at once."""
    if request.param == "nothing does":
        monkeypatch.setattr(workers._Pool, "kernels", None)
    elif workers._Pool.kernels is None:
        pytest.skip("this processor or system runs no generated code")


@pytest.mark.usefixtures("_waiting")
def test_jobs_that_follow_at_once_are_all_done_whole():
    found = np.zeros((4, 64), np.int64)

    def task(number, seat):
        found[number % 4, number // 4] += 1

    for times in range(1, 300):
        workers.run(task, 256, 3)
        assert (found == times).all()


@pytest.mark.usefixtures("_waiting")
def test_a_helper_that_takes_long_is_waited_for():
    done = []
    barrier = threading.Barrier(3)

    def task(number, seat):
        barrier.wait(20)
        if seat:
            time.sleep(0.05)
        done.append(number)

    workers.run(task, 3, 3)
    assert sorted(done) == [0, 1, 2]


@pytest.mark.usefixtures("_waiting")
def test_helpers_that_have_slept_are_woken():
    together(3)
    time.sleep(0.05)
    together(3)


class TestWaiting:
    """The kernel that waits."""

    @pytest.fixture(autouse=True)
    def _there_is_one(self):
        if NATIVE is None:
            pytest.skip("this processor or system runs no generated code")

    def _call(self, word, seen, turns):
        call = np.array([word.ctypes.data, -seen, turns], np.int64)
        start = time.perf_counter()
        workers._Pool.kernels.wait(call.ctypes.data)
        return time.perf_counter() - start

    def test_a_word_that_has_changed_is_not_waited_for(self):
        assert self._call(np.array([8]), 7, 1 << 40) < 10

    def test_a_word_that_stays_is_waited_for_so_many_turns(self):
        word = np.array([7])
        self._call(word, 7, 1)
        one, many = (min(self._call(word, 7, turns) for _ in range(5)) for turns in (1, 20_000))
        assert many > one
        assert word.tolist() == [7]

    def test_it_ends_when_another_thread_changes_the_word(self):
        word = np.array([7])
        timer = threading.Timer(0.05, lambda: word.__setitem__(0, 9))
        timer.start()
        self._call(word, 7, 1 << 40)
        timer.join()
        assert word.tolist() == [9]

    def test_waiting_lasts_as_long_as_is_said(self, monkeypatch):
        monkeypatch.setattr(workers._Pool, "turns", 1)
        workers.use(workers._Pool.kernels)
        assert workers._Pool.turns > 1
