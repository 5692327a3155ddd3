"""What results are compared with: the sums of the conformance suite, which share nothing with this library."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

import reference_impl
from fast_impl.kernels.sums import grids
from fast_impl.planning import gradients as backward
from fast_impl.planning import planner
from fast_impl.runtime import memory

# Every call of a kernel in these tests, and in the processes that they start, is checked first.
os.environ["FAST_IMPL_CHECK"] = "1"


def forward(x, k, config, bias=None):
    with np.errstate(invalid="ignore"):
        x, k, bias = (None if one is None else one.astype(np.float64) for one in (x, k, bias))
        return reference_impl.conv2d_transpose(x, k, bias=bias, **config)


def gradients(x, k, g, config):
    x, k, g = (one.astype(np.float64) for one in (x, k, g))
    return reference_impl.conv2d_transpose_gradients(x, k, g, **config)


@pytest.fixture(autouse=True)
def _own_plans():
    """Each test makes the plans it uses, so its result owes nothing to the tests before it."""
    for cached in (
        planner.planned,
        planner.checked,
        backward.planned,
        backward.checked,
        grids.cut,
    ):
        cached.cache_clear()


@pytest.fixture
def poisoned(monkeypatch):
    """New memory is full of NaN, so that a result with something of it in it shows."""
    real, lent = np.empty, memory.Scratch.empty

    def poison(array):
        array[...] = np.nan if array.dtype.kind in "fV" else 77
        return array

    monkeypatch.setattr(np, "empty", lambda *args, **kwargs: poison(real(*args, **kwargs)))
    monkeypatch.setattr(
        memory.Scratch, "empty", lambda self, elements, dtype: poison(lent(self, elements, dtype))
    )


@pytest.fixture
def loops():
    return SimpleNamespace(forward=forward, gradients=gradients)


@pytest.fixture
def integers():
    """Small integers, exact in every format: equality needs no tolerance."""
    generator = np.random.default_rng(2024)

    def draw(shape, dtype=np.float32, low=-3, high=4):
        return generator.integers(low, high, shape).astype(dtype)

    return draw


def _config(strides, padding, dilation=(1, 1), extra=None, data_format="channels_last"):
    return {
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilation,
        "output_padding": extra,
        "data_format": data_format,
    }


# (input height and width, kernel, configuration): each stands for a class of geometries.
GEOMETRIES = {
    "plain": ((3, 4), (2, 3), _config((1, 1), "valid")),
    "stride above kernel": ((3, 2), (2, 1), _config((3, 4), "valid")),
    "stride above kernel, same": ((3, 2), (1, 2), _config((4, 3), "same")),
    "stride equal to kernel": ((2, 3), (2, 3), _config((2, 3), "same")),
    "odd pixel after": ((3, 4), (3, 5), _config((2, 2), "same")),
    "even surplus": ((3, 4), (4, 6), _config((2, 4), "same")),
    "same, stride 1, even kernel": ((4, 3), (4, 2), _config((1, 1), "same")),
    "kernel above image": ((1, 2), (7, 5), _config((1, 2), "same")),
    "one pixel": ((1, 1), (3, 2), _config((2, 3), "valid")),
    "unequal everything": ((5, 3), (4, 3), _config((3, 2), "valid")),
    "large stride": ((2, 3), (9, 5), _config((8, 7), "same")),
    "dilation": ((4, 5), (3, 2), _config((1, 1), "valid", (2, 2))),
    "dilation, same": ((4, 5), (4, 3), _config((1, 1), "same", (3, 3))),
    "unequal dilation": ((4, 3), (2, 3), _config((1, 1), "valid", (3, 2))),
    "dilation with strides": ((3, 4), (3, 2), _config((2, 3), "valid", (2, 3))),
    "dilation with strides, same": ((3, 4), (3, 3), _config((3, 2), "same", (2, 3))),
    "output padding 0": ((3, 4), (3, 5), _config((2, 3), "same", extra=(0, 0))),
    "output padding": ((3, 2), (4, 3), _config((3, 4), "same", extra=(1, 3))),
    "output padding, valid": ((3, 2), (2, 3), _config((3, 4), "valid", extra=(2, 1))),
    "channels first": ((3, 5), (4, 3), _config((2, 3), "same", data_format="channels_first")),
    "channels first, valid": (
        (3, 2),
        (2, 3),
        _config((3, 2), "valid", data_format="channels_first"),
    ),
}


@pytest.fixture(params=GEOMETRIES.values(), ids=list(GEOMETRIES))
def geometry(request):
    size, kernel, config = request.param
    batch, channels, filters = 2, 3, 5
    first = config["data_format"] == "channels_first"
    shape = (batch, channels, *size) if first else (batch, *size, channels)
    return SimpleNamespace(
        input_shape=shape, kernel_shape=(*kernel, filters, channels), filters=filters, config=config
    )
