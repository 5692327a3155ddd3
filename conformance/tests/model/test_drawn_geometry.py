"""Reports compute the geometry that they draw with lines of their own: the oracle says whether they are right."""

import itertools

import numpy as np
import pytest

import reference_impl
from conformance.model.clauses import all_clauses
from reports.pictures import stamps

DRAWN = [clause for clause in all_clauses() if clause.picture is not None]


def oracle(images, kernel, bias, **arguments):
    """The oracle's output, channels last."""
    pairs = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in arguments.items()
    }
    return reference_impl.conv2d_transpose(images, kernel, bias=bias, **pairs)


@pytest.mark.parametrize("clause", DRAWN, ids=lambda clause: clause.id)
def test_a_worked_example_is_drawn_as_the_oracle_computes_it(clause):
    given = dict(clause.picture)
    drawn = stamps.of_example(given)
    images = np.array(given.pop("inputs"), float)[None, :, :, None]
    kernel = np.array(given.pop("kernel"), float)[:, :, None, None]
    expected = oracle(images, kernel, np.array([given.pop("bias", 0.0)], float), **given)
    assert drawn.output.tolist() == expected.tolist()


def test_clauses_of_geometry_have_a_picture():
    ids = {clause.id for clause in DRAWN}
    assert {f"PAD-0{n}" for n in range(1, 7)} | {"SHAPE-01", "SHAPE-02", "VAL-01"} <= ids


def geometries():
    for kernel, stride, dilation, padding, output_padding in itertools.product(
        (1, 2, 3, 4), (1, 2, 3), (1, 2, 3), ("valid", "same"), (None, 0, 1)
    ):
        covered = (kernel - 1) * dilation + 1
        fits = padding == "valid" or output_padding != 0 or covered % 2  # ARG-14
        if (dilation == 1 or stride == 1) and (output_padding or 0) < stride and fits:
            yield kernel, stride, dilation, padding, output_padding


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding", "output_padding"), list(geometries())
)
def test_an_axis_is_drawn_as_the_oracle_computes_it(
    kernel, stride, dilation, padding, output_padding
):
    images = np.arange(1.0, 6).reshape(1, 5, 1, 1)
    weights = 10.0 ** np.arange(kernel).reshape(kernel, 1, 1, 1)
    arguments = {
        "strides": [stride, stride],
        "padding": padding,
        "dilation_rate": [dilation, dilation],
        "output_padding": None if output_padding is None else [output_padding, 0],
    }
    drawn = stamps.of_example(
        {"inputs": images[0, :, :, 0].tolist(), "kernel": weights[:, :, 0, 0].tolist(), **arguments}
    )
    expected = oracle(images, weights, None, **arguments)
    assert (None if drawn is None else drawn.output.tolist()) == expected.tolist()
