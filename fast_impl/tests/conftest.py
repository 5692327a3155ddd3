"""A transposed convolution by loops that shares nothing with the library under test."""

import itertools
import os
from types import SimpleNamespace

import numpy as np
import pytest

from fast_impl.kernels.sums import grids
from fast_impl.planning import gradients as backward
from fast_impl.planning import planner
from fast_impl.runtime import memory

# Every call of a kernel in these tests, and in the processes that they start, is checked first.
os.environ["FAST_IMPL_CHECK"] = "1"


def _lengths(size, taps, stride, padding, dilation, extra):
    extent = (taps - 1) * dilation + 1
    if extra is None:
        made = size * stride + (max(extent - stride, 0) if padding == "valid" else 0)
    else:
        made = (size - 1) * stride + extent + extra
        made -= 2 * (extent // 2) if padding == "same" else 0
    spare = max((-(-made // stride) - 1) * stride + extent - made, 0)
    return made, spare // 2 if padding == "same" else 0


def _pairs(config):
    dilation = config.get("dilation_rate", (1, 1))
    extra = config.get("output_padding") or (None, None)
    return dilation, extra


def _last(array, config):
    first = config.get("data_format", "channels_last") == "channels_first"
    return np.moveaxis(array, 1, 3) if first else array


def _terms(x, k, config):
    """Every (n, i, j, a, b, p, q) for which the scatter adds something."""
    dilation, extra = _pairs(config)
    (sh, sw), padding = config["strides"], config["padding"]
    height, top = _lengths(x.shape[1], k.shape[0], sh, padding, dilation[0], extra[0])
    width, left = _lengths(x.shape[2], k.shape[1], sw, padding, dilation[1], extra[1])
    terms = []
    sizes = (*x.shape[:3], *k.shape[:2])
    for n, i, j, a, b in itertools.product(*map(range, sizes)):
        p, q = i * sh + a * dilation[0] - top, j * sw + b * dilation[1] - left
        if 0 <= p < height and 0 <= q < width:
            terms.append((n, i, j, a, b, p, q))
    return (height, width), terms


def forward(x, k, config, bias=None):
    x = _last(x, config)
    kind = np.float64 if x.dtype.kind != "i" else np.int32
    (height, width), terms = _terms(x, k, config)
    y = np.zeros((x.shape[0], height, width, k.shape[2]), kind)
    x, k = x.astype(kind), k.astype(kind)
    with np.errstate(invalid="ignore"):
        for n, i, j, a, b, p, q in terms:
            y[n, p, q] += (k[a, b] * x[n, i, j]).sum(axis=1)
        if bias is not None:
            y += bias.astype(kind)
    first = config.get("data_format", "channels_last") == "channels_first"
    return np.moveaxis(y, 3, 1) if first else y


def gradients(x, k, g, config):
    first = config.get("data_format", "channels_last") == "channels_first"
    x, g = _last(x, config).astype(np.float64), _last(g, config).astype(np.float64)
    dx, dk = np.zeros_like(x), np.zeros(k.shape)
    for n, i, j, a, b, p, q in _terms(x, k, config)[1]:
        dx[n, i, j] += k[a, b].T.astype(np.float64) @ g[n, p, q]
        dk[a, b] += np.outer(g[n, p, q], x[n, i, j])
    return np.moveaxis(dx, 3, 1) if first else dx, dk, g.sum(axis=(0, 1, 2))


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
