"""Wrong calls: for each door of the library, its arguments, and values that it must not take."""

from __future__ import annotations

import datetime
import decimal
import fractions
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import fast_impl

NAN, INF = float("nan"), float("inf")


class Wrong(NamedTuple):
    """One call.

    Attributes:
        door: What is called.
        argument: Which argument is wrong; the error must name it.
        value: Makes its value, fresh for each call.
    """

    door: str
    argument: str
    value: Callable[[], Any]

    @property
    def id(self) -> str:
        """The name of its test."""
        return f"{self.door}-{self.argument}-{_text(self.value())}"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape}"
    return type(value).__name__ if " at 0x" in repr(value) else repr(value)[:50]


class Odd:
    """Neither a number nor a sequence."""


def _always(*values: Any) -> list[Callable[[], Any]]:
    return [lambda value=value: value for value in values]


NO_NUMBERS = _always(
    "2", b"2", 1j, Odd(), dict, {1: 2}, datetime.date(2020, 1, 1), np.datetime64("2020-01-01"),
    np.array("2"), np.array([object()]), lambda x: x,
)  # fmt: skip
NO_INTEGERS = [
    *NO_NUMBERS,
    *_always(1.5, 2.0, NAN, INF, np.float32(2), decimal.Decimal(2), fractions.Fraction(1, 2)),
]
NO_PAIRS = [
    *NO_INTEGERS,
    *_always(
        (), (1,), (1, 1, 1), (1.0, 1), (1, None), ("1", "1"), "11", b"\1\1", {1, 2}, [[1, 1]], -1, (1, -1),
        2**70, (1, 2**70), np.array([1.0, 1.0]), np.array([[1, 1], [1, 1]]),
    ),
    itertools.count,
]  # fmt: skip
# TensorFlow's layer takes anything that two integers can be drawn from.
NO_KERAS_PAIRS = [value for value in NO_PAIRS if not isinstance(value(), (set, bytes))]
NO_SHAPES = [
    *NO_NUMBERS,
    *_always(
        3, 4.5, NAN, (), (1, 2, 3), (1, 2, 3, 3, 1), (1.0, 4, 4, 3), (1, 4.5, 4, 3), (1, NAN, 4, 3),
        ("1", "4", "4", "3"), "1443", b"\1\4\4\3", (1, -4, 4, 3), (1, 4, 4, 2**70), {1, 4, 3, 5},
        (True, 4, 4, 3), np.array([1.0, 4, 4, 3]), [[1, 4, 4, 3]], ((1, 4), (4, 3)),
    ),
    itertools.count,
]  # fmt: skip
NO_WORDS = _always(
    "",
    "full",
    "VALID ",
    "NHWC",
    3,
    1.5,
    b"valid",
    ("same",),
    ["same"],
    Odd(),
    np.array(["valid", "x"]),
)
NO_COUNTS = [*NO_INTEGERS, *_always(-1, 0, True, (1,), [2], -(2**70))]
NO_SIZES = [*NO_INTEGERS, *_always(-1, True, None, (1,), [2])]
NO_ARRAYS = [
    *_always(
        None, "text", b"bytes", 3, 1.5, NAN, [], [1.0], [[1.0]], Odd(), {1: 2}, {1.0}, lambda x: x,
        [[1.0], [1.0, 2.0]], [[[["a"]]]], [[[[None]]]], datetime.date(2020, 1, 1),
    ),
    *(
        lambda dtype=dtype: np.zeros((1, 4, 4, 3), dtype)
        for dtype in ("bool", "int8", "uint8", "int64", "complex64", "U3", "S3", "O", "M8[D]", "m8[D]", "V4")
    ),
    *(
        lambda shape=shape: np.zeros(shape, np.float32)
        for shape in ((), (3,), (4, 4, 3), (1, 4, 4, 3, 1), (0,))
    ),
]  # fmt: skip
NO_OUTPUTS = [
    *_always(None.__class__, "text", 3, [1.0], Odd(), bytearray(288)),
    lambda: np.zeros((1, 6, 6, 2)),
    lambda: np.zeros((1, 6, 6, 2), np.int32),
    lambda: np.zeros((1, 6, 6, 1), np.float32),
    lambda: np.zeros((6, 6, 2), np.float32),
    lambda: np.ma.zeros((1, 6, 6, 2), np.float32),
    lambda: np.broadcast_to(np.float32(0), (1, 6, 6, 2)),
    lambda: np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1, 6, 6, 2), (0, 0, 0, 0)),
]
NO_GRADIENTS = [
    *_always(
        "text", 3, [], [1.0], Odd(), {1: 2}, [[1.0], [1.0, 2.0]], [[[["a"]]]], [[[[None]]]], lambda x: x,
        datetime.date(2020, 1, 1),
    ),
    *(
        lambda dtype=dtype: np.zeros((3, 3, 2, 3), dtype)
        for dtype in ("bool", "int32", "complex64", "U3", "O", "M8[D]")
    ),
    lambda: np.full((3, 3, 2, 3), None),
    lambda: np.zeros((3, 3, 2, 2), np.float32),
]  # fmt: skip
NO_KERNELS = [
    *_always(None, "text", 3, [], Odd(), [[1.0], [1.0, 2.0]], datetime.date(2020, 1, 1)),
    *(
        lambda dtype=dtype: np.zeros((3, 3, 2, 3), dtype)
        for dtype in ("complex64", "U3", "S3", "M8[D]", "V4")
    ),
    lambda: np.full((3, 3, 2, 3), None),
    lambda: np.zeros((3, 3, 3, 2), np.float32),
]
NO_RATES = _always(
    None, "0.1", b"1", 1j, Odd(), (0.1, 0.1), [0.1], {0.1}, np.array([0.1]), np.array("1"),
    datetime.date(2020, 1, 1), np.datetime64("2020-01-01"), lambda x: x,
)  # fmt: skip
NO_DTYPES = _always(
    "", "float31", "f3", 3, 1.5, Odd(), b"float32", ("float32",), {"a": 1}, "int8", "complex64"
)


def _image() -> Any:
    return np.ones((1, 4, 4, 3), np.float32)


def _kernel() -> Any:
    return np.ones((3, 3, 2, 3), np.float32)


def _options(which: Any) -> dict[str, Any]:
    return {
        "strides": NO_PAIRS + _always(None, 0, (0, 1)), "padding": [*NO_WORDS, *_always(None)],
        "data_format": [*NO_WORDS, *_always(None)], "dilation_rate": NO_PAIRS + _always(None, 0),
        "output_padding": NO_PAIRS + _always(1, (0, 1), True),
    } | which  # fmt: skip


def _layer(**arguments: Any) -> Any:
    return fast_impl.Conv2DTranspose(**({"filters": 2, "kernel_size": 3} | arguments))


def _built() -> Any:
    made = _layer(activation="tanh")
    made(_image())
    return made


def _constructor(**arguments: Any) -> None:
    made = _layer(**arguments)
    made.apply_gradients(made.gradients(_image(), made(_image())), 0.1)


def _assigned(**arguments: Any) -> None:
    made = _built()
    for name, value in arguments.items():
        setattr(made, name, value)


Door = tuple[Callable[..., Any], dict[str, Any], dict[str, list[Callable[[], Any]]]]

DOORS: dict[str, Door] = {
    "plan": (
        fast_impl.plan,
        {"input_shape": (1, 4, 4, 3), "kernel_shape": (3, 3, 2, 3)},
        _options(
            {
                "input_shape": [*NO_SHAPES, *_always(None, (1, None, 4, 3))],
                "kernel_shape": [*NO_SHAPES, *_always(None, (0, 3, 2, 3), (3, 3, 2, 4))],
                "dtype": [*NO_DTYPES, *_always(None)],
                "algorithm": _always("", "fastest", "Direct", 3, b"direct", ("direct",), Odd()),
                "threads": [*NO_COUNTS, *_always(10**9, np.array([1, 2]))],
                "workspace_limit": NO_SIZES,
            }
        ),
    ),
    "output_shape": (
        fast_impl.output_shape,
        {"input_shape": (1, 4, 4, 3), "kernel_shape": (3, 3, 2, 3)},
        _options(
            {
                "input_shape": [*NO_SHAPES, *_always(None)],
                "kernel_shape": [*NO_SHAPES, *_always(None, (3, None, 2, 3), (3, 3, 2, 4))],
            }
        ),
    ),
    "conv2d_transpose": (
        fast_impl.conv2d_transpose,
        {"inputs": _image(), "kernel": _kernel()},
        _options(
            {"inputs": NO_ARRAYS, "kernel": NO_ARRAYS, "bias": NO_ARRAYS[1:], "out": NO_OUTPUTS}
        ),
    ),
    "conv2d_transpose_gradients": (
        fast_impl.conv2d_transpose_gradients,
        {
            "inputs": _image(),
            "kernel": _kernel(),
            "output_gradient": np.ones((1, 6, 6, 2), np.float32),
        },
        _options({"inputs": NO_ARRAYS, "kernel": NO_ARRAYS, "output_gradient": NO_ARRAYS}),
    ),
    "Conv2DTranspose": (
        _constructor,
        {},
        {
            "filters": [*NO_NUMBERS, *_always(None, 0, -1, NAN, INF, -INF, (2,), [2], 2**70)],
            "kernel_size": [*NO_KERAS_PAIRS, *_always(None, 0)],
            "strides": [*NO_KERAS_PAIRS, *_always(None, 0)],
            "padding": [*NO_WORDS, *_always(None, "causal")],
            "data_format": NO_WORDS,
            "dilation_rate": [*NO_KERAS_PAIRS, *_always(None, 0, (1, 2))],
            "output_padding": [*NO_KERAS_PAIRS, *_always(1)],
            "activation": _always("", "Relu", 3, b"relu", ("relu",), {}, {"class_name": "ReLU"}),
            "use_bias": [lambda: np.array([True, False])],
            "kernel_initializer": _always(
                "", "nothing", 3, ("zeros",), {}, {"class_name": 3, "config": {}}
            ),
            "bias_initializer": _always("", "nothing", 3, ("zeros",), {}, "orthogonal"),
            "kernel_regularizer": _always(3, ("l2",), {}, {"class_name": "L3", "config": {}}),
            "bias_regularizer": _always(3, ("l2",), {}),
            "activity_regularizer": _always(3, ("l2",), {}),
            "kernel_constraint": _always("", "nothing", 3, ("nonneg",), {}),
            "bias_constraint": _always("", "nothing", 3, ("nonneg",), {}),
            "trainable": _always(None, 1, 0, "True", np.bool_(True), ()),
            "dtype": NO_DTYPES[:-2],
            "name": [*_always(3, b"name", ("a",), Odd()), lambda: np.array([1, 2])],
            "dynamic": _always(1, "yes"),
            "groups": _always(3, "2", (2,), 1j, Odd()),
            "weights": _always(3, "text", [], [1.0], [np.zeros(3)]),
            "input_shape": _always(3, 1.5, Odd()),
            "size": _always(3),
            "rank": _always(2),
        },
    ),
    "build": (
        lambda **given: _layer().build(**given),
        {},
        {
            "input_shape": [
                *NO_SHAPES[len(NO_NUMBERS) :][:14],
                *_always(None, (1, 4, 4, None), {1: 2}, "x", Odd(), 1j),
            ],
        },
    ),
    "compute_output_shape": (
        lambda **given: _layer().compute_output_shape(**given),
        {},
        {
            "input_shape": _always(
                None,
                "1443",
                b"1443",
                3,
                4.5,
                (),
                (1, 2, 3),
                (1, 4.5, 4, 3),
                (1, -1, 4, 3),
                Odd(),
                {1: 2},
                1j,
            )
        },
    ),
    "call": (
        lambda **given: _built()(*given.values()),
        {},
        {"inputs": [*NO_ARRAYS, lambda: np.zeros((1, 4, 4, 4), np.float32)]},
    ),
    "convolution_op": (
        lambda **given: _layer().convolution_op(**given),
        {"inputs": _image(), "kernel": np.ones((3, 3, 3, 2), np.float32)},
        {"inputs": NO_ARRAYS, "kernel": NO_ARRAYS},
    ),
    "gradients": (
        lambda **given: _built().gradients(*given.values()),
        {"inputs": _image(), "output_gradient": np.ones((1, 6, 6, 2), np.float32)},
        {
            "inputs": NO_ARRAYS,
            "output_gradient": [
                *NO_ARRAYS,
                lambda: np.ones((1, 6, 6, 2)),
                lambda: np.full((1, 6, 6, 2), None),
            ],
        },
    ),
    "set_weights": (
        lambda **given: _built().set_weights(**given),
        {},
        {
            "weights": [
                *_always(None, 3, "ab", [], [1.0], [1.0, 2.0], Odd()),
                *(lambda value=value: [value(), np.zeros(2, np.float32)] for value in NO_KERNELS),
            ]
        },
    ),
    "assignment": (_assigned, {}, {"kernel": NO_KERNELS}),
    "apply_gradients": (
        lambda **given: _built().apply_gradients(**given),
        {"gradients": [_kernel(), np.zeros(2, np.float32)], "learning_rate": 0.1},
        {
            "gradient": [
                *_always(None, 3, "ab", [], [None, None], Odd()),
                *(lambda value=value: [value(), np.zeros(2, np.float32)] for value in NO_GRADIENTS),
                lambda: [_kernel(), np.zeros(3, np.float32)],
            ],
            "learning_rate": NO_RATES,
        },
    ),
    "limit_memory": (fast_impl.limit_memory, {}, {"size": NO_SIZES}),
}


def wrong_calls() -> Iterator[Wrong]:
    """All of them."""
    for door, (_, _, arguments) in DOORS.items():
        for argument, values in arguments.items():
            for value in values:
                yield Wrong(door, argument, value)
