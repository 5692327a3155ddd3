"""Problems with operands and results that are small integers, exact in every order."""

import functools
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import direct
from fast_impl.gradients import scatter
from fast_impl.kernels.sums.lanes import partitions
from fast_impl.tests.conftest import GEOMETRIES, forward

LAST = {
    name: given for name, given in GEOMETRIES.items() if "data_format" not in given[2]
    or given[2]["data_format"] == "channels_last"
}  # fmt: skip


GIVEN = {
    **LAST,
    "taps that leave the image": ((4, 2), (5, 9), {"strides": (1, 1), "padding": "same"}),
    "taller than wide": ((9, 2), (7, 4), {"strides": (2, 3), "padding": "valid"}),
    "wider than tall": ((2, 9), (3, 8), {"strides": (3, 2), "padding": "same"}),
    "wider than a tile": ((3, 17), (4, 4), {"strides": (2, 2), "padding": "same"}),
    "taps far apart": (
        (4, 5), (2, 2), {"strides": (1, 1), "padding": "same", "dilation_rate": (5, 6)},
    ),
}  # fmt: skip


def operands(problem):
    """Inputs, a kernel and a gradient for a problem: small integers, exact in every order."""
    random = np.random.default_rng(3)
    shapes = problem.input_shape, problem.kernel_shape, problem.output_shape
    return [random.integers(-3, 4, shape).astype(problem.dtype) for shape in shapes]


def by_scatter(problem, x, k, g):
    """The gradients of inputs, kernel and bias by the scatter."""
    found = [np.empty_like(x), np.empty_like(k), np.empty(problem.filters, problem.dtype)]
    scatter.input_gradient(problem, k, g, found[0])
    scatter.kernel_gradient(problem, x, g, found[1])
    scatter.bias_gradient(problem, g, found[2])
    return found


@functools.cache
def made(name, batch=3, channels=5, filters=3, dtype="float32"):
    """A problem with operands and results that are small integers, exact in every order."""
    size, taps, config = GIVEN[name]
    random = np.random.default_rng(7)
    shapes = (batch, *size, channels), (*taps, filters, channels), (filters,)
    x, k, bias = (random.integers(-3, 4, shape).astype(dtype) for shape in shapes)
    problem = fast_impl.plan(
        x.shape, k.shape, **config, dtype=dtype, algorithm="scatter", threads=1
    ).problem
    g = random.integers(-3, 4, problem.output_shape).astype(dtype)
    to_inputs, to_kernel, _ = by_scatter(problem, x, k, g)
    return SimpleNamespace(
        problem=problem, x=x, k=k, bias=bias, g=g,
        expected=forward(x, k, config, bias), without_bias=forward(x, k, config),
        to_inputs=to_inputs, to_kernel=to_kernel,
    )  # fmt: skip


def in_pairs(first, second, third):
    """Rows of a table in which any two values meet: each of ``first`` with each of ``second``, ``third`` in turn.

    Where it stands, all triples made the same kernels and took the same branches. Tuples are laid out flat.
    """
    assert len(third) <= min(len(first), len(second)), "two values would never meet"
    return [
        [part for value in (one, other, third[(i + j) % len(third)]) for part in _parts(value)]
        for (i, one), (j, other) in itertools.product(enumerate(first), enumerate(second))
    ]


def _parts(value):
    return value if isinstance(value, tuple) else (value,)


def named(arguments, table):
    """Parametrize a test by the rows of a table, whose first column names them."""
    return pytest.mark.parametrize(
        arguments, [row[1:] for row in table], ids=[row[0] for row in table]
    )


def axes(name):
    problem = made(name).problem
    return [problem.height, problem.width]


def pieces(problem):
    ways = (
        partitions(problem.height, one_by_one=True)[0],
        partitions(problem.width, one_by_one=False)[0],
    )
    return list(itertools.starmap(direct.Piece, itertools.product(*ways)))
