"""Arguments as people give them: a dict, a layer, or a text that they paste from their program."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

_LAYER = (
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer",
    "kernel_constraint", "bias_constraint",
)  # fmt: skip
_KERAS = (
    "filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate", "activation",
    "use_bias", *_LAYER,
)  # fmt: skip
_PAGE = (
    "filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias", *_LAYER, "trainable",
    "name",
)  # fmt: skip
_TORCH = (
    "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias",
    "dilation", "padding_mode", "device", "dtype",
)  # fmt: skip
#: How each side calls the operation, and its arguments by place; the first call's stand for a text without a call.
_CALLS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "layer": {
        "Conv2DTranspose": _PAGE,
        "conv2d_transpose": ("inputs", *_PAGE),
    },
    "torch": {"ConvTranspose2d": _TORCH},
    "onnx": {"ConvTranspose": ()},
    "jax": {
        "": (),
        "conv_transpose": (
            "lhs", "rhs", "strides", "padding", "rhs_dilation", "dimension_numbers", "transpose_kernel",
            "precision", "preferred_element_type",
        ),
    },
    "tf.keras": {"Conv2DTranspose": _KERAS, "Convolution2DTranspose": _KERAS},
    "keras": {"Conv2DTranspose": _KERAS, "Convolution2DTranspose": _KERAS},
    "tflite": {"TRANSPOSE_CONV": ()},
}  # fmt: skip
#: Arguments that say nothing about the numbers once the weights are there.
ASIDE: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("layer", "tf.keras", "keras"),
        frozenset((
            *_LAYER, "name", "trainable", "dtype", "batch_input_shape", "batch_shape", "batch_size",
            "build_config", "input_shape", "input_dim", "inputs", "weights", "autocast", "dynamic",
            "implementation", "conv_op", "kernel_layout", "bias_layout", "reuse", "_reuse", "_scope",
        )),
    ),
    "torch": frozenset(("device", "dtype")),
    "jax": frozenset(("lhs", "rhs", "precision", "preferred_element_type")),
    "onnx": frozenset(("name", "domain", "doc_string")),
    "tflite": frozenset(),
}  # fmt: skip


def arguments_of(given: Any, side: str) -> dict[str, Any]:
    """Return the arguments that somebody gives; those that say nothing about numbers are left out.

    Args:
        given: such as ``{"kernel_size": 3}``, ``'kernel_size=3, strides=2'``, ``'ConvTranspose2d(8, 4, 3)'``, a
            layer with `get_config`, or a `torch.nn.ConvTranspose2d`.
        side: whose arguments they are.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(given, Mapping):
        found = {str(name): value for name, value in given.items()}
    elif callable(getattr(given, "get_config", None)):
        found = dict(given.get_config())
    elif isinstance(given, str):
        found = _read(given, side)
    elif side == "torch" and type(given).__name__ == "ConvTranspose2d":
        found = _read(repr(given), side)
    else:
        raise ValueError(
            f"arguments={given!r}: must be a dict, a text such as 'kernel_size=3', or a layer with get_config()"
        )
    return {name: value for name, value in found.items() if name not in ASIDE[side]}


def _read(text: str, side: str) -> dict[str, Any]:
    """Return the arguments in a text."""

    def refused(why: str) -> ValueError:
        return ValueError(
            f"arguments={text!r}: cannot be read ({why}); write them like {_example(side)!r}"
        )

    try:
        name, call = _call(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise refused(getattr(error, "msg", None) or str(error)) from None
    known = _CALLS[side]
    if (name and name.rpartition(".")[2] not in known) or name.endswith("nn.conv2d_transpose"):
        raise refused(f"{name}(...) is not {' or '.join(filter(None, known))}")
    places = known[name.rpartition(".")[2]] if name else next(iter(known.values()))
    if len(call.args) > len(places):
        given = f"at most {len(places)} arguments may be" if places else "no argument may be"
        raise refused(f"{given} given by place")
    found: dict[str, Any] = {}
    by_name = [(word.arg, word.value) for word in call.keywords]
    for argument, value in [*zip(places, call.args), *by_name]:
        if argument is None or isinstance(value, ast.Starred):
            raise refused(f"{ast.unparse(value)}: what it holds must be written out")
        if argument in found:
            raise ValueError(f"{argument}: is given twice")
        found[argument] = None if argument in ASIDE[side] else _value(argument, value)
    return found


def _example(side: str) -> str:
    kernel = "kernel_shape" if side == "onnx" else "kernel_size"
    return f"{kernel}=3, {'stride' if side == 'torch' else 'strides'}=2"


def _call(text: str) -> tuple[str, ast.Call]:
    """Return the name that a text calls, empty where it has arguments alone, and the call.

    It may be a line of a program: ``self.up = nn.ConvTranspose2d(8, 4, 3)``, with a comma or a comment after it.

    Raises:
        SyntaxError, ValueError: it is no call.
    """
    try:
        whole = ast.parse(f"arguments({text.strip()}\n)", mode="eval").body
    except SyntaxError as error:
        try:
            (statement,) = ast.parse(text.strip()).body
        except (SyntaxError, ValueError):
            raise error from None
        inner = getattr(statement, "value", None)
    else:
        if not (isinstance(whole, ast.Call) and isinstance(whole.func, ast.Name)):
            raise ValueError("it is no call")
        if whole.func.id != "arguments":
            raise ValueError("it is no call")
        values = [*whole.args, *(word.value for word in whole.keywords)]
        inner = values[0] if len(values) == 1 else None
        if not isinstance(inner, ast.Call):
            return "", whole
    if isinstance(inner, ast.Call) and isinstance(inner.func, (ast.Name, ast.Attribute)):
        return ast.unparse(inner.func), inner
    raise ValueError("it is no call")


def _value(argument: str, value: ast.expr) -> Any:
    """Return a value that is written out; of an activation the last part of its name: ``tf.nn.relu``.

    Raises:
        ValueError: it is not.
    """
    try:
        return ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        if argument == "activation" and isinstance(value, (ast.Name, ast.Attribute)):
            return ast.unparse(value).rpartition(".")[2]
        raise ValueError(
            f"{argument}={ast.unparse(value)}: must be written out: a number, a pair of numbers or a text"
        ) from None
