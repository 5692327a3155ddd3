"""A recorded case of another project, read from a line of JSON that may come from anybody.

A line is a forward case (`input`, `kernel`, `bias`, `expected`, `rtol`, `atol`), a gradient case (`kind`
"gradient", `upstream_gradient`, `expected_*_gradient`) or a shape case (`input_shape`,
`expected_output_shape`); tensors are `{"shape", "data"}`. Keys that are not known here are no error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model import steps
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array, dtype_of, text_of
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.oracle.bounds import OracleError, check_size

#: What a recorded layer may compute in.
_DTYPES = (*SIGNIFICAND_BITS, "int32")
_PADDINGS, _FORMATS = ("valid", "same"), ("channels_last", "channels_first")
#: Sizes, strides and counts are below this.
_MOST = 2**31
#: Lists of numbers may lie in lists, so many levels deep.
_LEVELS = 8
#: The shape of a case is also tried on zeros where they are at most so many.
_ZEROS = 10**7


@attrs.frozen(eq=False)
class Recorded:
    """A recorded case and what its source expects of its last steps.

    `expected` holds, for each judged step, the step's index and the arrays (or the shape) it must give.
    """

    name: str
    source: str
    case: Case
    expected: tuple[tuple[int, Any], ...]
    rtol: float
    atol: float


def read_recorded(line: str) -> Recorded:
    """Return the case of a line.

    Raises:
        ValueError: it is none; names the field, its value and the rule.
    """
    try:
        data = json.loads(line)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if not isinstance(data, dict):
        raise ValueError(f"an object is needed, not {_told(data)}")
    fields = _Fields(data)
    if "input_shape" in data:
        return _shape_case(fields)
    return _numbers_case(fields)


@attrs.frozen
class _Fields:
    """The fields of a line; each method returns one that is what it should be, or raises ValueError."""

    data: Mapping[str, Any]

    def text(self, name: str, default: str | None = None, among: tuple[str, ...] = ()) -> str:
        value = self._get(name, default)
        fits = isinstance(value, str) and (not among or value.lower() in among)
        if not fits or text_of(value) != value:
            needed = (
                f"one of {', '.join(among)}" if among else "a text of at most 10,000 characters"
            )
            raise ValueError(f"`{name}` should be {needed}, not {_told(value)}")
        return str(value)

    def tolerance(self, name: str) -> float:
        value = self._get(name)
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise ValueError(f"`{name}` should be a finite number from 0 on, not {_told(value)}")
        return float(value)

    def size(self, name: str, least: int) -> int:
        value = self._get(name)
        if not _is_size(value, least):
            raise ValueError(
                f"`{name}` should be a whole number from {least} on, not {_told(value)}"
            )
        return int(value)

    def pair(self, name: str, least: int) -> list[int]:
        value = self._get(name)
        pair = [value, value] if isinstance(value, int) else value
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(_is_size(n, least) for n in pair)
        ):
            raise ValueError(
                f"`{name}` should be two whole numbers from {least} on, not {_told(value)}"
            )
        return pair

    def shape(self, name: str) -> tuple[int | None, ...]:
        """A shape of four axes, of which some may be open."""
        value = self._get(name)
        if (
            not isinstance(value, list)
            or len(value) != 4
            or not all(n is None or _is_size(n, 0) for n in value)
        ):
            raise ValueError(
                f"`{name}` should be four whole numbers from 0 on, or null for an open one, not {_told(value)}"
            )
        return tuple(value)

    def tensor(self, name: str, dtype: str, rank: int | None = None) -> Array:
        """An array, with `rank` axes where that is given."""
        value = self._get(name)
        if not isinstance(value, dict) or not {"shape", "data"} <= value.keys():
            raise ValueError(
                f"`{name}` should be an object of `shape` and `data`, not {_told(value)}"
            )
        shape = value["shape"]
        if (
            not isinstance(shape, list)
            or len(shape) > _LEVELS
            or not all(_is_size(n, 0) for n in shape)
        ):
            raise ValueError(f"the shape of `{name}` should be a list of sizes, not {_told(shape)}")
        if rank is not None and len(shape) != rank:
            raise ValueError(f"`{name}` should have {rank} axes, not the shape {shape}")
        try:
            numbers = [*_numbers(value["data"], _LEVELS)]
        except ValueError as error:
            raise ValueError(f"the data of `{name}`: {error}") from error
        if len(numbers) != math.prod(shape):
            raise ValueError(f"`{name}` has the shape {shape} and {len(numbers)} numbers")
        with np.errstate(all="ignore"):
            tensor: Array = np.array(numbers, np.float64).reshape(shape).astype(dtype_of(dtype))
        return tensor

    def has(self, name: str) -> bool:
        return self.data.get(name) is not None

    def _get(self, name: str, default: Any = None) -> Any:
        if name not in self.data and default is None:
            raise ValueError(f"it has no `{name}`")
        return self.data.get(name, default)


def _numbers_case(fields: _Fields) -> Recorded:
    dtype = fields.text("dtype", "float32", among=_DTYPES)
    kind = fields.text("kind", "forward", among=("forward", "gradient"))
    inputs, kernel = fields.tensor("input", dtype, 4), fields.tensor("kernel", dtype, 4)
    bias = fields.tensor("bias", dtype, 1) if fields.has("bias") else None
    has_bias_gradient = fields.has("expected_bias_gradient")
    with_bias = bias is not None or has_bias_gradient
    filters, channels = kernel.shape[2:]
    arguments = _arguments(fields, list(kernel.shape[:2]), filters, with_bias)
    if dtype != "float32":
        arguments["dtype"] = dtype
    geometry = Geometry.of(arguments)
    got = inputs.shape[geometry.channel_axis]
    if got != channels:
        raise ValueError(f"`input` has {got} channels, and `kernel` is for {channels}")
    if bias is not None and len(bias) != filters:
        raise ValueError(f"`bias` has {len(bias)} numbers for {filters} filters")
    weights = [
        kernel,
        *([np.zeros(filters, kernel.dtype) if bias is None else bias] if with_bias else []),
    ]
    before: tuple[steps.Step, ...] = (steps.Build(inputs.shape), steps.SetWeights(tuple(weights)))
    if kind == "gradient":
        last: steps.Step = steps.Gradients(inputs, fields.tensor("upstream_gradient", dtype, 4))
        parts = ("input", "kernel", *(["bias"] if has_bias_gradient else []))
        expected: Any = [fields.tensor(f"expected_{part}_gradient", "float64") for part in parts]
    else:
        last = steps.Call(inputs)
        expected = fields.tensor("expected", "float64")
    return Recorded(
        name=fields.text("id"),
        source=fields.text("source", ""),
        case=_checked(Case("recorded", arguments, (*before, last)), inputs.shape),
        expected=((len(before), expected),),
        rtol=fields.tolerance("rtol"),
        atol=fields.tolerance("atol"),
    )


def _shape_case(fields: _Fields) -> Recorded:
    shape, wanted = fields.shape("input_shape"), list(fields.shape("expected_output_shape"))
    kernel_size, filters = fields.pair("kernel_size", 1), fields.size("filters", 1)
    arguments = _arguments(fields, kernel_size, filters, True)
    listed: list[steps.Step] = [steps.ComputeOutputShape(shape)]
    expected: list[tuple[int, Any]] = [(0, wanted)]
    sizes = [size for size in shape if size is not None]
    case = Case("recorded", arguments, tuple(listed))
    if len(sizes) == len(shape) and math.prod(sizes) <= _ZEROS:
        listed += [steps.Call(np.zeros(sizes, np.float32))]
        expected += [(1, tuple(wanted))]
        case = _checked(Case("recorded", arguments, tuple(listed)), tuple(sizes))
    return Recorded(
        name=fields.text("id"),
        source=fields.text("source", ""),
        case=case,
        expected=tuple(expected),
        rtol=0.0,
        atol=0.0,
    )


def _checked(case: Case, shape: tuple[int, ...]) -> Case:
    """Return a case that can be computed."""
    try:
        check_size(Geometry.of(case.arguments), shape)
    except OracleError as error:
        raise ValueError(str(error)) from error
    return case


def _arguments(
    fields: _Fields, kernel_size: list[int], filters: int, use_bias: bool
) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "filters": filters,
        "kernel_size": kernel_size,
        "strides": fields.pair("strides", 1),
        "padding": fields.text("padding", among=_PADDINGS),
        "data_format": fields.text("data_format", among=_FORMATS),
    }
    if fields.has("dilation_rate"):
        dilation = fields.pair("dilation_rate", 1)
        if dilation != [1, 1]:
            arguments["dilation_rate"] = dilation
    if fields.has("output_padding"):
        arguments["output_padding"] = fields.pair("output_padding", 0)
    if fields.has("activation"):
        arguments["activation"] = fields.text("activation")
    if not use_bias:
        arguments["use_bias"] = False
    return arguments


def _numbers(data: Any, levels: int) -> Iterator[float]:
    """Yield the numbers of a list, or of lists in it, in their order."""
    if type(data) in (int, float):
        try:
            yield float(data)
        except OverflowError:
            raise ValueError("a number is beyond float64") from None
    elif isinstance(data, list) and levels:
        for item in data:
            yield from _numbers(item, levels - 1)
    else:
        raise ValueError(f"a list of numbers is needed, not {_told(data)}")


def _is_size(value: Any, least: int) -> bool:
    return type(value) is int and least <= value < _MOST


def _told(value: Any) -> str:
    return text_of(value, repr, 60)
