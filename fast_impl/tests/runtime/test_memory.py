"""Memory that is used again: never two things at once in it, and never too much of it."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import fast_impl
from fast_impl.layer.by_algorithm import CLASSES
from fast_impl.runtime import memory

LARGE = (1 << 20,)
FLOAT = np.dtype(np.float32)


@pytest.fixture
def shelf(monkeypatch: Any) -> Any:
    """A shelf of 16 MiB that nobody else uses."""
    made = memory._Shelf(16 << 20)
    monkeypatch.setattr(memory, "_shelf", made)
    return made


def address(array: Any) -> int:
    return array.__array_interface__["data"][0]


def leave(shape: Any) -> None:
    """Make a result that nobody keeps."""
    memory.result(shape, FLOAT)


def test_memory_of_a_result_that_is_gone_is_used_again(shelf: Any) -> None:
    first = memory.result(LARGE, FLOAT)
    where = address(first)
    del first
    assert address(memory.result(LARGE, FLOAT)) == where


def test_a_result_that_lives_keeps_its_memory(shelf: Any) -> None:
    results = [memory.result(LARGE, FLOAT) for _ in range(3)]
    assert len({address(result) for result in results}) == 3


def test_a_view_keeps_the_memory(shelf: Any) -> None:
    first = memory.result(LARGE, FLOAT)
    view = first[5:10].reshape(5, 1)
    where = address(first)
    del first
    second = memory.result(LARGE, FLOAT)
    assert (address(second) != where, view.shape) == (True, (5, 1))


@pytest.mark.parametrize("size", [1 << 18, 1 << 20, 3 << 20])
def test_a_block_of_another_size_is_large_enough(shelf: Any, size: int) -> None:
    leave((1 << 20,))
    array = memory.result((size,), FLOAT)
    array[...] = 1
    assert (array.size, array.flags.writeable, array.dtype) == (size, True, FLOAT)


@pytest.mark.parametrize("elements", [5 << 20, 16 << 20])
def test_memory_of_a_result_above_the_limit_waits_for_the_next_call(
    shelf: Any, elements: int
) -> None:
    leave((1 << 20,))
    first = memory.result((elements,), FLOAT)
    where = address(first)
    del first
    assert (shelf._idle, len(shelf._free)) == (elements * 4, 1)
    assert address(memory.result((elements,), FLOAT)) == where


@pytest.mark.parametrize("scratch", [False, True])
def test_memory_above_the_limit_is_freed_before_any_other_is_taken(
    shelf: Any, scratch: bool
) -> None:
    leave((5 << 20,))
    shelf.take(1 << 20, scratch=scratch)
    assert (shelf._idle, shelf._free) == (0, [])


def test_memory_above_a_limit_that_was_lowered_is_not_kept(shelf: Any) -> None:
    result = memory.result((5 << 20,), FLOAT)
    shelf.set_limit((5 << 20) - 1)
    del result
    assert shelf._free == []
    shelf.set_limit(6 << 20)
    result = memory.result((5 << 20,), FLOAT)
    shelf.set_limit(5 << 20)
    del result
    assert len(shelf._free) == 1


def test_scratch_above_the_limit_is_not_kept(shelf: Any) -> None:
    with memory.scratch() as lender:
        lender.empty(5 << 20, FLOAT)
    assert (shelf._idle, shelf._free) == (0, [])


@pytest.mark.parametrize("elements", [1, 100, 1 << 16, 1 << 20, 17 << 20])
def test_all_memory_but_small_results_begins_with_a_line_of_the_cache(
    shelf: Any, elements: int
) -> None:
    with memory.scratch() as lender:
        arrays = [
            memory.result((max(elements, 4096),), FLOAT)[:elements],
            memory.aligned(elements, FLOAT),
            lender.empty(elements, FLOAT),
        ]
        assert [address(array) % 64 for array in arrays] == [0, 0, 0]
        assert {(array.size, array.dtype) for array in arrays} == {(elements, FLOAT)}


def test_results_in_use_do_not_count_and_idle_ones_are_bounded(shelf: Any) -> None:
    results = [memory.result(LARGE, FLOAT) for _ in range(10)]
    assert shelf._idle == 0
    results.clear()
    assert shelf._idle == 16 << 20


def test_scratch_in_use_leaves_less_room_for_idle_memory(shelf: Any) -> None:
    results = [memory.result(LARGE, FLOAT) for _ in range(4)]
    results.clear()
    with memory.scratch() as lender:
        lender.empty(2 << 20, FLOAT)
        assert shelf._idle + shelf._scratch <= 16 << 20
    assert (shelf._scratch, shelf._idle) == (0, 16 << 20)


def test_scratch_goes_back_after_an_exception(shelf: Any) -> None:
    def fails() -> None:
        with memory.scratch() as lender:
            lender.empty(1 << 20, FLOAT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert (shelf._scratch, shelf._idle) == (0, 4 << 20)


def test_scratch_of_one_block_never_overlaps(shelf: Any) -> None:
    with memory.scratch() as lender:
        arrays = [lender.zeros(1 << 20, FLOAT) for _ in range(3)]
        for number, array in enumerate(arrays):
            array[...] = number
        assert [float(array.max()) for array in arrays] == [0, 1, 2]


def test_idle_memory_is_given_up_where_memory_is_short(shelf: Any, monkeypatch: Any) -> None:
    leave(LARGE)
    real, asked = np.empty, []

    def empty(size: Any, dtype: Any) -> Any:
        asked.append(size)
        if len(asked) == 1:
            raise MemoryError
        return real(size, dtype)

    monkeypatch.setattr(memory.np, "empty", empty)
    array = memory.result((3 << 20,), FLOAT)
    assert (array.size, len(asked), shelf._idle) == (3 << 20, 2, 0)
    asked.clear()
    assert shelf.take(5000, scratch=False).nbytes == 5000


def test_a_result_may_die_while_the_shelf_is_locked(shelf: Any) -> None:
    result = memory.result(LARGE, FLOAT)
    with shelf._lock:
        del result
    assert shelf._idle == 0


def test_a_lower_limit_frees_what_is_too_much_at_once(shelf: Any) -> None:
    results = [memory.result(LARGE, FLOAT) for _ in range(3)]
    results.clear()
    fast_impl.limit_memory(5 << 20)
    assert (shelf._idle, shelf.limit) == (4 << 20, 5 << 20)


def test_nothing_is_kept_with_a_limit_of_nothing(shelf: Any) -> None:
    fast_impl.limit_memory(0)
    leave(LARGE)
    with memory.scratch() as lender:
        lender.zeros(1 << 20, FLOAT)
    assert shelf._idle == 0


@pytest.mark.parametrize(("size", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
def test_a_limit_is_a_number_of_bytes(size: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        fast_impl.limit_memory(size)


def test_release_frees_what_is_idle(shelf: Any) -> None:
    leave(LARGE)
    fast_impl.release_memory()
    assert (shelf._idle, shelf._free) == (0, [])


def _large_layer() -> tuple[Any, Any]:
    layer = fast_impl.Conv2DTranspose(32, 3, kernel_initializer="ones")
    return layer, np.ones((4, 64, 64, 8), np.float32)


def test_results_of_a_layer_are_not_written_over_by_later_calls() -> None:
    layer, inputs = _large_layer()
    kept = [layer(inputs * number) for number in range(1, 5)]
    assert [float(result.max()) for result in kept] == [72, 144, 216, 288]


def test_threads_do_not_share_memory() -> None:
    layer, inputs = _large_layer()
    layer(inputs)
    wrong: list[float] = []

    def work(number: int) -> None:
        for _ in range(20):
            result = layer(inputs * number)
            if float(result[:, 2:-2, 2:-2].min()) != 72 * number:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def _child(queue: Any) -> None:
    layer, inputs = _large_layer()
    queue.put(float(layer(inputs).max()))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_that_was_forked_while_the_shelf_was_locked_computes() -> None:
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with memory._shelf._lock:
        child = context.Process(target=_child, args=(queue,))
        child.start()
    assert queue.get(timeout=60) == 72
    child.join()


def test_a_result_can_be_pickled() -> None:
    result = memory.result(LARGE, FLOAT)
    result[...] = 3
    assert np.array_equal(pickle.loads(pickle.dumps(result)), result)


@pytest.mark.parametrize("name", CLASSES)
def test_a_layer_with_one_algorithm_uses_it(name: str) -> None:
    layer = CLASSES[name](2, 3)
    inputs = np.ones((1, 4, 4, 2), np.float32)
    layer(inputs)
    packed = layer._packed.get(inputs, layer._current()[0], layer._checked_options())
    assert (packed.plan.algorithm, layer.name.startswith("conv2d_transpose")) == (name, True)


@pytest.mark.parametrize("name", CLASSES)
def test_a_layer_with_one_algorithm_can_be_pickled(name: str) -> None:
    layer = CLASSES[name](2, 3)
    inputs = np.ones((1, 4, 4, 2), np.float32)
    again = pickle.loads(pickle.dumps(layer))
    assert type(again) is CLASSES[name]
    layer(inputs)
    assert np.array_equal(pickle.loads(pickle.dumps(layer))(inputs), layer(inputs))


def give(shelf: Any, *sizes: int) -> list[int]:
    """Put blocks of these sizes on the shelf; return where they are."""
    blocks = [np.empty(size, np.uint8) for size in sizes]
    for block in blocks:
        shelf.give(block, scratch=False)
    return [address(block) for block in blocks]


@pytest.mark.parametrize(
    ("wanted", "again"),
    [(999, False), (1000, True), (1001, True), (1500, True), (1501, False)],
)
def test_a_block_is_used_again_for_two_thirds_of_its_size_or_more(
    shelf: Any, wanted: int, again: bool
) -> None:
    (where,) = give(shelf, 1500)
    block = shelf.take(wanted, scratch=False)
    assert ((address(block) == where), block.nbytes) == (again, 1500 if again else wanted)
    assert shelf._idle == (0 if again else 1500)


def test_the_smallest_block_that_fits_is_taken(shelf: Any) -> None:
    where = give(shelf, 1400, 1200, 1300)
    assert address(shelf.take(1100, scratch=False)) == where[1]
    assert (shelf._idle, len(shelf._free)) == (2700, 2)


def test_a_new_result_takes_nothing_from_the_shelf(shelf: Any) -> None:
    give(shelf, 16 << 20)
    shelf.take(1 << 20, scratch=False)
    assert shelf._idle == 16 << 20


def test_scratch_in_use_is_counted_in_all(shelf: Any) -> None:
    give(shelf, 2 << 20, 3 << 20)
    blocks = [shelf.take(size << 20, scratch=True) for size in (5, 6)]
    assert (shelf._scratch, shelf._idle) == (11 << 20, 5 << 20)
    shelf.take(1 << 20, scratch=True)
    assert (shelf._scratch, shelf._idle) == (12 << 20, 3 << 20)
    for block in blocks:
        shelf.give(block, scratch=True)
    assert (shelf._scratch, shelf._idle) == (1 << 20, 14 << 20)


def test_a_child_has_the_shelf_but_not_the_scratch_of_its_parent(shelf: Any) -> None:
    give(shelf, 1 << 20)
    shelf.take(3 << 20, scratch=True)
    with shelf._lock:
        shelf.after_fork()
    assert (shelf._scratch, shelf._idle) == (0, 1 << 20)
    assert shelf.take(1 << 20, scratch=True).nbytes == 1 << 20
    assert shelf._scratch == 1 << 20


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        (memory._SMALLEST - 4, False),
        (memory._SMALLEST, True),
        (64 << 20, True),
        ((64 << 20) + 4, False),
    ],
)
def test_memory_of_results_is_kept_from_the_smallest_size_to_four_limits(
    shelf: Any, size: int, kept: bool
) -> None:
    leave((size // 4,))
    assert shelf._idle == (size if kept else 0)


@pytest.mark.parametrize("size", [memory._SMALLEST - 4, memory._SMALLEST])
def test_small_scratch_is_left_to_the_c_library(shelf: Any, size: int) -> None:
    with memory.scratch() as lender:
        assert lender.empty(size // 4, FLOAT).nbytes == size
        assert shelf._scratch == (size if size == memory._SMALLEST else 0)
