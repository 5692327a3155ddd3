"""What calls are told in each run: the addresses of that run, and nothing of an earlier one."""

import ctypes
import threading

import numpy as np
import pytest

from fast_impl.kernels.rooms import Rooms


def _words(first, step, calls, words):
    return [(ctypes.c_int64 * words).from_address(first + n * step)[:] for n in range(calls)]


@pytest.mark.parametrize("calls", [1, 2, 8, 9, 30])
def test_addresses_are_added_to_their_fields_in_every_call(calls):
    template = np.arange(calls * 7).reshape(calls, 7)
    room = Rooms(template, 16, 3).take()
    for addresses in ((1000, 2000, 3000), (1 << 46, 5, 0)):
        expected = template + np.array([0, 0, *addresses, 0, 0])
        told, first, step = room.filled(*addresses)
        assert told.tolist() == expected.tolist()
        assert _words(first, step, calls, 7) == expected.tolist()


def test_what_a_kernel_counted_in_is_forgotten():
    template = np.zeros((2, 4), np.int64)
    room = Rooms(template, 0, 1).take()
    told, *_ = room.filled(5)
    told[...] = 77
    assert room.filled(6)[0].tolist() == [[6, 0, 0, 0]] * 2
    assert not template.any()


def test_a_room_is_used_again_and_by_one_run_at_a_time():
    rooms = Rooms(np.zeros((1, 4), np.int64), 0, 1)
    first, second = rooms.take(), rooms.take()
    assert first is not second
    rooms.give(first)
    assert rooms.take() is first
    held = []

    def run():
        for number in range(2000):
            room = rooms.take()
            held.append(room.filled(number)[0][0, 0] == number)
            rooms.give(room)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held == [True] * 8000
