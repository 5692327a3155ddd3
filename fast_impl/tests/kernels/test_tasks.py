"""Calls in tasks: what they are told in each run, that each is made once, and who makes them."""

import dataclasses
import threading
import time

import numpy as np
import pytest

from fast_impl.kernels.tasks import Tasks
from fast_impl.kernels.x86 import team
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembly.assembler import Assembler, Condition, Label
from fast_impl.kernels.x86.assembly.registers import RAX, RCX, RDX, At
from fast_impl.runtime import checking, executable, workers
from fast_impl.runtime.checking import AddressError
from fast_impl.tests.targets import IDLE, NATIVE, generated


@pytest.mark.parametrize("calls", [1, 2, 8, 9, 30])
def test_addresses_are_added_to_their_fields_in_every_call(calls):
    template = np.arange(calls * 7).reshape(calls, 7)
    room = Tasks(template, 16, 3, [], IDLE)._new_room()
    for addresses in ((1000, 2000, 3000), (1 << 46, 5, 0)):
        expected = template + np.array([0, 0, *addresses, 0, 0])
        told = room.filled(*addresses)
        assert told.tolist() == expected.tolist()
        assert room.first == told.ctypes.data


def test_what_a_kernel_counted_in_is_forgotten():
    template = np.zeros((2, 4), np.int64)
    room = Tasks(template, 0, 1, [], IDLE)._new_room()
    told = room.filled(5)
    told[...] = 77
    assert room.filled(6).tolist() == [[6, 0, 0, 0]] * 2
    assert not template.any()


# --- tasks of a kernel that counts how often it is called ------------------------------------


def _counter(turns=0):
    """A kernel: count one up at an address, after so many turns of nothing."""
    asm = Assembler()
    again, done = Label(), Label()
    asm.load(RAX, field(0))
    asm.load(RCX, field(8))
    asm.place(again)
    asm.subtract_number(RCX, 1)
    asm.jump(done, Condition.LESS)
    asm.jump(again)
    asm.place(done)
    asm.load(RCX, At(RAX))
    asm.add_number(RCX, 1)
    asm.store(At(RAX), RCX)
    asm.ret()
    kernel = executable.load(asm.code())
    kernel.check = lambda words, operands: operands.require(0, words[0], words[0] + 8)
    return kernel


def _meeting():
    """A kernel: count one up, and count up the next number if another one does so, too, before long."""
    asm = Assembler()
    again, met, done = Label(), Label(), Label()
    asm.load(RDX, field(0))
    asm.load(RCX, field(8))
    asm.move_number(RAX, 1)
    asm.exchange_add(At(RDX), RAX)
    asm.place(again)
    asm.load(RAX, At(RDX))
    asm.subtract_number(RAX, 2)
    asm.jump(met, Condition.NOT_LESS)
    asm.pause()
    asm.subtract_number(RCX, 1)
    asm.jump(again, Condition.NOT_ZERO)
    asm.jump(done)
    asm.place(met)
    asm.move_number(RAX, 1)
    asm.exchange_add(At(RDX, 8), RAX)
    asm.place(done)
    asm.ret()
    kernel = executable.load(asm.code())
    kernel.check = lambda words, operands: operands.require(0, words[0], words[0] + 16)
    return kernel


def _tasks(kernel, counts, target=NATIVE, turns=0, parts=1):
    """As many tasks as there are counts, each of which counts ``counts[i]`` times at place ``i``."""
    rows = [[8 * place, turns] for place, times in enumerate(counts) for _ in range(times)]
    numbers = iter(range(len(rows)))
    tasks = [[(kernel, next(numbers)) for _ in range(times)] for times in counts]
    return Tasks(np.array(rows, np.int64).reshape(-1, 2), 0, 1, tasks, target, parts)


def _run(tasks, found, threads):
    tasks.run((found.ctypes.data,), threads, lambda: {0: found})


@generated
class TestShared:
    """Tasks that are shared out by kernels."""

    @pytest.mark.parametrize("parts", [1, 3])
    @pytest.mark.parametrize("threads", [1, 2, 5])
    @pytest.mark.parametrize("counts", [[1], [3, 0, 2], [1] * 40, [0, 0]])
    def test_each_call_is_made_once(self, counts, threads, parts):
        tasks, found = _tasks(_counter(), counts, parts=parts), np.zeros(len(counts), np.int64)
        for times in range(1, 20):
            _run(tasks, found, threads)
            assert found.tolist() == [times * count for count in counts]

    def test_parts_are_done_one_by_one_and_at_the_same_time(self):
        tasks, found = _tasks(_counter(), [1, 2, 3, 4], parts=6), np.zeros(4, np.int64)
        assert [list(part) for part in tasks.parts] == [[], [0], [1], [], [2], [3]]
        do, room = tasks.filled((found.ctypes.data,), lambda: {0: found})
        do(2, 1)
        assert found.tolist() == [0, 2, 0, 0]
        others = [threading.Thread(target=do, args=(part, 2)) for part in (0, 1, 3, 4, 5)]
        for other in others:
            other.start()
        for other in others:
            other.join()
        assert found.tolist() == [1, 2, 3, 4]
        tasks.give(room)
        assert tasks.filled((found.ctypes.data,), lambda: {0: found})[1] is room

    def test_helpers_take_part(self):
        """Tasks that wait for each other: nobody gets through alone."""
        tasks = _tasks(_meeting(), [1, 1], turns=1 << 26)
        tasks.template[:, 0] = 0
        for _ in range(5):
            found = np.zeros(2, np.int64)
            _run(tasks, found, 2)
            if found.tolist() == [2, 2]:
                return
        pytest.fail("nobody helped")

    def test_many_callers_at_a_time_get_what_is_theirs(self):
        tasks = _tasks(_counter(), [2] * 16)
        wrong = []

        def call():
            found = np.zeros(16, np.int64)
            for times in range(1, 400):
                _run(tasks, found, 2)
                if found.tolist() != [2 * times] * 16:
                    wrong.append(found)

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_tasks_of_python_and_shared_ones_take_turns(self):
        tasks, found = _tasks(_counter(), [1] * 8), np.zeros(8, np.int64)
        for times in range(1, 200):
            done = []
            workers.run(lambda number, seat, done=done: done.append(number), 8, 2)
            _run(tasks, found, 2)
            assert sorted(done) == list(range(8))
            assert found.tolist() == [times] * 8

    def test_a_helper_that_slept_is_woken(self):
        tasks, found = _tasks(_counter(), [1] * 8, turns=1 << 20), np.zeros(8, np.int64)
        for times in range(1, 4):
            _run(tasks, found, 2)
            assert found.tolist() == [times] * 8
            time.sleep(0.02)
            assert workers._Pool.team[workers.Team.LOOKING // 8] == 0

    def test_nobody_is_busy_and_nothing_open_afterwards(self):
        tasks, found = _tasks(_counter(), [1] * 64), np.zeros(64, np.int64)
        for _ in range(300):
            _run(tasks, found, 3)
        assert workers._Pool.team[workers.Team.OPEN // 8] == 0

    def test_calls_are_proved_before_any_is_made(self):
        tasks, found = _tasks(_counter(), [1] * 4), np.zeros(4, np.int64)
        with pytest.raises(AddressError, match="nothing was run"):
            tasks.run((found.ctypes.data,), 2, lambda: {0: found[:3]})
        assert not found.any()

    @pytest.mark.parametrize("table", ["_calls", "_starts"])
    def test_a_table_that_was_changed_is_refused(self, table):
        tasks, found = _tasks(_counter(), [1] * 4), np.zeros(4, np.int64)
        getattr(tasks, table).reshape(-1)[1] += 16
        with pytest.raises(AddressError, match="a table of calls has changed"):
            _run(tasks, found, 1)
        assert not found.any()

    def test_a_fork_forgets_the_team(self):
        tasks, found = _tasks(_counter(), [1] * 8), np.zeros(8, np.int64)
        _run(tasks, found, 2)
        workers._after_fork()
        assert not workers._Pool.team.any()
        _run(tasks, found, 2)
        assert found.tolist() == [2] * 8

    def test_without_helpers_the_caller_does_it(self, monkeypatch):
        def refuse(thread):
            raise RuntimeError("can't start new thread")

        workers._after_fork()
        monkeypatch.setattr(threading.Thread, "start", refuse)
        tasks, found = _tasks(_counter(), [1] * 8), np.zeros(8, np.int64)
        _run(tasks, found, 2)
        assert found.tolist() == [1] * 8


def test_without_such_kernels_python_makes_the_calls():
    told = []
    tasks = _tasks(told.append, [2, 1], IDLE)
    tasks.tasks[0][0][0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checking, "wanted", lambda: False)
        _run(tasks, np.zeros(2, np.int64), 1)
    assert len(told) == 3
    assert np.diff(told).tolist() == [16, 16]


@generated
def test_a_target_s_kernels_are_made_once():
    other = dataclasses.replace(NATIVE)
    assert Tasks(np.zeros((0, 2), np.int64), 0, 1, [], other)._team is not None
    assert (
        Tasks(np.zeros((0, 2), np.int64), 0, 1, [], NATIVE)._team
        is Tasks(np.zeros((0, 2), np.int64), 0, 1, [], other)._team
    )


@generated
def test_one_who_looks_helps_with_an_open_round_and_comes_back_for_a_job():
    """The kernels by themselves, without Python's threads."""
    kernels = team.kernels()
    found = np.zeros(4, np.int64)
    tasks = _tasks(_counter(), [1] * 4)
    room = tasks._new_room()
    room.filled(found.ctypes.data)
    (round_,) = room.rounds
    words = np.zeros(workers.Team.SIZE // 8, np.int64)
    look = np.array([words.ctypes.data, 1 << 40, 7, -1], np.int64)
    words[workers.Team.JOBS // 8] = 8
    round_.join(1, words)
    words[workers.Team.OPEN // 8] = round_.led
    kernels.look(look.ctypes.data)
    assert found.tolist() == [1] * 4
    assert words[[workers.Team.BUSY // 8, workers.Team.LOOKING // 8]].tolist() == [0, 0]
    # A round that is full, and one that is over, is nobody's.
    for seats, opened in ((0, round_.led), (1, 0)):
        round_.join(seats, words)
        round_._led[workers.Round.NEXT // 8] = 0
        words[workers.Team.OPEN // 8], look[workers.Look.SEEN // 8] = opened, -1
        kernels.look(look.ctypes.data)
        assert found.tolist() == [1] * 4
