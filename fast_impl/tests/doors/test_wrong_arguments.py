"""No wrong call crashes, hangs, is taken, or ends in an error that does not say which argument is wrong."""

import copy
import functools
import os
import subprocess
import sys

import numpy as np
import pytest

import fast_impl
from fast_impl.runtime import environment
from fast_impl.tests.doors.wrong import DOORS, wrong_calls

CALLS = list(wrong_calls())
# What TensorFlow raises where it looks for a method, an axis, a number of finite size, or text as padding.
OTHERS = {
    ("Conv2DTranspose", "filters"): OverflowError,
    ("Conv2DTranspose", "kernel_size"): OverflowError,
    ("Conv2DTranspose", "strides"): OverflowError,
    ("Conv2DTranspose", "dilation_rate"): OverflowError,
    ("Conv2DTranspose", "output_padding"): OverflowError,
    ("Conv2DTranspose", "padding"): (AttributeError, AssertionError),
    ("Conv2DTranspose", "data_format"): AttributeError,
    ("compute_output_shape", "input_shape"): IndexError,
}


def test_the_table_has_calls_of_every_door():
    assert (len(CALLS) > 1400, {call.door for call in CALLS}) == (True, set(DOORS))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrong", CALLS, ids=[call.id for call in CALLS])
def test_a_wrong_argument_is_refused_by_its_name(wrong):
    call, right, _ = DOORS[wrong.door]
    argument = {"gradient": "gradients"}.get(wrong.argument, wrong.argument)
    others = OTHERS.get((wrong.door, wrong.argument), ())
    others = others if isinstance(others, tuple) else (others,)
    with pytest.raises((TypeError, ValueError, *others), match=wrong.argument):
        call(**{**right, argument: wrong.value()})


@pytest.mark.parametrize("door", ["conv2d_transpose", "conv2d_transpose_gradients", "plan"])
def test_a_wrong_call_changes_none_of_its_arguments(door):
    call, right, _ = DOORS[door]
    before = copy.deepcopy(right)
    with pytest.raises((TypeError, ValueError)):
        call(**right, strides="2")
    np.testing.assert_equal(right, before)


def test_a_refused_step_leaves_the_kernel_as_it_was():
    layer = fast_impl.Conv2DTranspose(2, 3)
    layer.build((1, 4, 4, 3))
    before = layer.get_weights()
    with pytest.raises(ValueError, match="bias"):
        layer.apply_gradients([np.ones((3, 3, 2, 3), np.float32), np.ones(3, np.float32)], 0.1)
    np.testing.assert_equal(layer.get_weights(), before)


def test_sizes_of_numpy_are_pythons_numbers_in_a_plan():
    eights = [np.array(shape, np.int8) for shape in ((1, 100, 100, 3), (5, 5, 2, 3))]
    found = fast_impl.plan(*eights, np.int8(3))
    assert found is fast_impl.plan((1, 100, 100, 3), (5, 5, 2, 3), 3)
    assert found.problem.output_shape == (1, 302, 302, 2)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("FAST_IMPL_NUM_THREADS", value) for value in ("²", "0", "-1", "2.5", "two", "9" * 30)),
        *(("FAST_IMPL_MACHINE_CODE", value) for value in ("2", "maybe")),
        ("FAST_IMPL_CHECK", "perhaps"),
    ],
)
def test_a_variable_of_the_environment_that_means_nothing_is_named(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    threads = variable.endswith("THREADS")
    read = functools.partial(environment.count, most=99) if threads else environment.flag
    with pytest.raises(ValueError, match=f"{variable}='{value}' must be"):
        read(variable)


@pytest.mark.parametrize("value", ["0", "off", "False", "NO"])
def test_machine_code_can_be_switched_off_in_words(value):
    program = "from fast_impl.kernels import native; print(native.target())"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "FAST_IMPL_MACHINE_CODE": value},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "None\n"
