"""The pixel of a wrong element is a case by itself, where no other pixel matters to it."""

import attrs
import numpy as np
import pytest

from conformance.judge.judging import Failure
from conformance.judge.pixels import of_one_pixel
from conformance.model import steps
from conformance.model.case import Case
from conformance.oracle.comparison import Mismatch

INPUTS = np.arange(24, dtype="f").reshape(2, 3, 4, 1)


def failure(index=(1, 2, 3, 0), inputs=INPUTS, **arguments):
    channels = 1 if arguments.get("data_format") == "channels_first" else 3
    shape = [*inputs.shape]
    case = Case(
        "activations",
        {"filters": 1, "kernel_size": 1, **arguments},
        (
            steps.Build(tuple(shape)),
            steps.SetWeights((np.ones((1, 1, 1, shape[channels]), "f"),)),
            steps.Call(inputs),
        ),
    )
    return Failure(case, "fail", Mismatch("wrong", None, None, 2, index))


def test_the_pixel_of_the_wrong_element_is_left():
    (case,) = of_one_pixel(failure())
    assert (case.steps[0].input_shape, case.steps[2].inputs.tolist()) == ((1, 1, 1, 1), [[[[23]]]])


def test_all_channels_of_the_pixel_are_left():
    first = np.ascontiguousarray(INPUTS.transpose(3, 1, 2, 0))
    plain, case = of_one_pixel(
        failure((0, 0, 1, 2), first.transpose(0, 3, 1, 2), data_format="channels_first")
    )
    assert case.steps[2].inputs.tolist() == [[[[6]], [[18]]]]
    assert plain.steps[2].inputs.tolist() == [[[[6, 18]]]]
    assert (plain.steps[0].input_shape, plain.argument("data_format")) == ((1, 1, 1, 2), None)


@pytest.mark.parametrize(
    "other",
    [
        failure(kernel_size=[1, 2]),
        failure(strides=2),
        failure(index=None),
        failure(inputs=INPUTS[:1, :1, :1], index=(0, 0, 0, 0)),
        attrs.evolve(failure(), mismatch=Mismatch("wrong", None, None, None, (0, 0, 0, 0))),
    ],
    ids=["wide kernel", "strided", "no element", "small already", "constructor"],
)
def test_where_other_pixels_matter_nothing_is_left_out(other):
    assert [*of_one_pixel(other)] == []
