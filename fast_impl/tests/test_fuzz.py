"""Random problems with all memory between pages that nobody may touch (`tox run -e fuzz` for many more)."""

import functools
import subprocess
import sys

import numpy as np
import pytest

from fast_impl.gradients import scatter
from fast_impl.tests import fuzz, guarded

#: Each process takes a second to start.
EACH = 200


@pytest.mark.parametrize("first", range(0, 2 * EACH, EACH))
def test_random_problems_touch_nothing_beyond_their_arrays_and_come_out_right(first, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # as in `tox -e fuzz`
    assert list(fuzz.failures(first, EACH)) == []


@pytest.mark.parametrize("number", [6534, 14679])
def test_problems_that_once_failed_come_out_right(number):
    assert not fuzz.failure(number)


@functools.cache
def trials():
    return [fuzz.trial(number) for number in range(1000)]


@pytest.mark.parametrize("size", [0, 1])
@pytest.mark.parametrize("axis", ["batch", "height", "width", "channels", "filters"])
def test_sizes_of_one_and_zero_are_drawn_on_every_axis(axis, size):
    sizes = [dict(zip(("batch", "height", "width", "channels"), t.sizes)) for t in trials()]
    sizes = [{**each, "filters": t.filters} for each, t in zip(sizes, trials(), strict=True)]
    assert sum(each[axis] == size for each in sizes) >= 5


def test_one_element_axes_are_drawn_with_strides_that_fit_no_array():
    random = np.random.default_rng(0)
    array = np.zeros((1, 3, 1, 2), np.float32)
    found = {fuzz.dressed(array, random, at_end=False).strides[2] for _ in range(100)}
    assert found == set(fuzz.ODD)


def test_a_trial_is_its_number():
    assert [fuzz.trial(number) for number in (7, 8)] == trials()[7:9]


def test_a_wrong_result_is_reported(monkeypatch):
    """The scatter's, which is the method of last resort for others, too."""
    monkeypatch.setattr(
        scatter, "bias_gradient", lambda problem, gradient, out: out.__setitem__(..., 99)
    )
    assert fuzz.failure(3).startswith("gradients by scatter: to bias is wrong in Trial(sizes=")


def test_an_error_is_reported(monkeypatch):
    monkeypatch.setattr(scatter, "bias_gradient", lambda *_: 1 // 0)
    assert fuzz.failure(3).startswith("ZeroDivisionError: ")


def test_problems_that_end_their_process_are_reported_and_the_others_still_run(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "first, problems = int(sys.argv[2]), int(sys.argv[4])\n"
        "for number in range(first, first + problems):\n"
        "    print(number, flush=True)\n"
        "    if number in (11, 14): os.abort()\n"
        "    if number == 15: print(number, 'is wrong', flush=True)\n"
    )
    found = list(fuzz.failures(10, 7, (program,)))
    assert [(number, text.split(" in ")[0]) for number, text in found] == [
        (11, "ended with status -6"), (14, "ended with status -6"), (15, "is wrong"),
    ]  # fmt: skip


def test_a_process_that_does_not_even_start_is_reported(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("raise SystemExit(3)")
    assert [number for number, _ in fuzz.failures(0, 2, (program,))] == [0, 1]


@pytest.mark.parametrize(("at_end", "place"), [(False, -1), (True, 5)])
def test_a_guarded_array_has_a_forbidden_page_beside_it(at_end, place):
    program = f"""
import ctypes
from fast_impl.tests import guarded
array = guarded.block(5, {at_end})
ctypes.string_at(array.ctypes.data, 5)
print("so far", flush=True)
ctypes.string_at(array.ctypes.data + {place}, 1)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.returncode < 0) == ("so far\n", True)


@pytest.mark.parametrize("at_end", [False, True])
def test_guarded_memory_is_that_of_arrays_of_the_same_form(at_end):
    with guarded.everything(at_end):
        made = [
            np.empty((2, 3), "f4"), np.zeros((3, 1), order="F"), np.array([[1, 2]], np.int64),
            np.ascontiguousarray(np.arange(6).reshape(2, 3).T),
        ]  # fmt: skip
    assert [(array.shape, array.dtype.name) for array in made] == [
        ((2, 3), "float32"), ((3, 1), "float64"), ((1, 2), "int64"), ((3, 2), "int64"),
    ]  # fmt: skip
    edge = [(array.ctypes.data + at_end * array.nbytes) % guarded.PAGE for array in made]
    assert edge == [0] * 4
    assert (made[1].any(), made[2].tolist(), made[3].tolist()) == (
        False, [[1, 2]], [[0, 3], [1, 4], [2, 5]],
    )  # fmt: skip
