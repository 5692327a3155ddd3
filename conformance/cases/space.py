"""Coverage of the space: which pairs of parameter values a run has exercised.

A case has one value of every parameter below: small classes, made so that each is known to need code of its
own in some implementation. A pair is two values of two different parameters. It is exercised by a case in
which both occur and whose call gave a result that a check looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.model.case import Case
from conformance.model.geometry import Axis, Geometry
from conformance.model.steps import Assign, Call, Construct, Use
from conformance.model.values.codec import Array

#: Activations of one number whose result is exact where the argument is, and the others.
_EXACT = ("linear", "relu", "relu6", "triple")
ROUNDING = (
    "elu", "selu", "exponential", "sigmoid", "hard_sigmoid", "tanh", "softplus", "softsign", "swish", "gelu",
)  # fmt: skip


@attrs.frozen
class Facts:
    """What the values of a case are read from: its first call on the layer of its own arguments."""

    arguments: Mapping[str, Any]
    geometry: Geometry
    inputs: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The input's shape as N, H, W, C."""
        return self.geometry.to_channels_last(self.inputs).shape


@attrs.frozen
class Parameter:
    """A property of a case and its values; `of` reads it, None where it is none of them."""

    name: str
    values: tuple[str, ...]
    of: Callable[[Facts], str | None]


@attrs.frozen
class Impossible:
    """Pairs that no layer can show, and why: any of `values` with any of `other_values`."""

    parameter: str
    values: tuple[str, ...]
    other: str
    other_values: tuple[str, ...]
    reason: str


def _from(*least: int) -> Callable[[int], str]:
    """Name a size by itself, or by the last of `least` where it is at least that."""
    return lambda size: f"{least[-1]} or more" if size >= least[-1] else str(size)


def _kernel(size: int) -> str:
    if size == 1 or size >= 6:
        return "1" if size == 1 else "6 or more"
    return "odd" if size % 2 else "even"


def _overlap(axis: Axis) -> str:
    surplus = axis.extent - axis.stride
    if surplus <= 0:
        return "shorter" if surplus < 0 else "equal"
    return "longer, odd" if surplus % 2 else "longer, even"


def _channels(count: int) -> str:
    if count < 2:
        return str(count)
    return "odd, 3 or more" if count % 2 else "even"


def _output_padding(facts: Facts) -> str:
    given = [axis.output_padding for axis in facts.geometry.axes]
    if None in given:
        return "not given"
    return "above 0" if any(given) else "0"


def _activation(facts: Facts) -> str | None:
    activation = facts.arguments.get("activation")
    if isinstance(activation, dict):
        activation = activation.get("function")
    if activation is None:
        return "none"
    if activation in _EXACT:
        return "exact"
    if activation in ROUNDING:
        return "rounding"
    return "softmax" if activation == "softmax" else None


def _dtype(facts: Facts) -> str | None:
    name = facts.inputs.dtype.name
    return name if facts.arguments.get("dtype", name) == name else None


def _both(pair: tuple[int, int]) -> str:
    return "equal" if pair[0] == pair[1] else "unequal"


_SIZES = ("0", "1", "2", "3 or more")
_STRIDES = ("1", "2", "3 or more")
_KERNELS = ("1", "even", "odd", "6 or more")
_OVERLAPS = ("shorter", "equal", "longer, even", "longer, odd")

PARAMETERS = (
    Parameter("stride height", _STRIDES, lambda f: _from(3)(f.geometry.height.stride)),
    Parameter("stride width", _STRIDES, lambda f: _from(3)(f.geometry.width.stride)),
    Parameter(
        "strides",
        ("equal", "unequal"),
        lambda f: _both((f.geometry.height.stride, f.geometry.width.stride)),
    ),
    Parameter("kernel height", _KERNELS, lambda f: _kernel(f.geometry.height.kernel)),
    Parameter("kernel width", _KERNELS, lambda f: _kernel(f.geometry.width.kernel)),
    Parameter(
        "kernel sides",
        ("equal", "unequal"),
        lambda f: _both((f.geometry.height.kernel, f.geometry.width.kernel)),
    ),
    Parameter("kernel to stride, height", _OVERLAPS, lambda f: _overlap(f.geometry.height)),
    Parameter("kernel to stride, width", _OVERLAPS, lambda f: _overlap(f.geometry.width)),
    Parameter(
        "padding", ("valid", "same"), lambda f: "same" if f.geometry.height.same else "valid"
    ),
    Parameter(
        "data format",
        ("channels_last", "channels_first"),
        lambda f: "channels_first" if f.geometry.channels_first else "channels_last",
    ),
    Parameter("dtype", ("float16", "bfloat16", "float32", "float64", "int32"), _dtype),
    Parameter("bias", ("yes", "no"), lambda f: "yes" if f.geometry.use_bias else "no"),
    Parameter("dilation", _STRIDES, lambda f: _from(3)(f.geometry.height.dilation)),
    Parameter("output padding", ("not given", "0", "above 0"), _output_padding),
    Parameter("batch", ("0", "1", "2 or more"), lambda f: _from(2)(f.shape[0])),
    Parameter("input height", _SIZES, lambda f: _from(3)(f.shape[1])),
    Parameter("input width", _SIZES, lambda f: _from(3)(f.shape[2])),
    Parameter(
        "input channels", ("0", "1", "even", "odd, 3 or more"), lambda f: _channels(f.shape[3])
    ),
    Parameter("filters", ("1", "even", "odd, 3 or more"), lambda f: _channels(f.geometry.filters)),
    Parameter("activation", ("none", "exact", "rounding", "softmax"), _activation),
)


def _impossible() -> Iterable[Impossible]:
    dilated = ("2", "3 or more")
    for side in ("height", "width"):
        stride, kernel, overlap = f"stride {side}", f"kernel {side}", f"kernel to stride, {side}"
        yield Impossible(
            "dilation",
            dilated,
            stride,
            _STRIDES[1:],
            "a dilation excludes strides above 1 (ARG-13)",
        )
        yield Impossible(
            "dilation", dilated, overlap, ("shorter",),
            "a dilation excludes strides above 1 (ARG-13), and no kernel is shorter than a stride of 1",
        )  # fmt: skip
        yield Impossible(
            "dilation", ("2",), overlap, ("longer, odd",),
            "a kernel dilated by 2 spans an odd number of rows, the stride is 1: the surplus is even",
        )  # fmt: skip
        yield Impossible(
            stride, ("1",), overlap, ("shorter",), "no kernel is shorter than a stride of 1"
        )
        yield Impossible(
            kernel, ("1",), overlap, ("longer, even", "longer, odd"),
            "a kernel of 1 is no longer than any stride",
        )  # fmt: skip
    yield Impossible(
        "dilation", dilated, "strides", ("unequal",), "with a dilation both strides are 1 (ARG-13)"
    )
    yield Impossible(
        "dilation", dilated, "output padding", ("above 0",),
        "output padding stays below the stride (ARG-14), which a dilation keeps at 1 (ARG-13)",
    )  # fmt: skip
    yield Impossible(
        "dtype", ("int32",), "activation", ("rounding", "softmax"),
        "these functions take floating point data only",
    )  # fmt: skip


IMPOSSIBLE = tuple(_impossible())

#: The columns of a table of values: parameter and value.
VALUES = tuple((p.name, value) for p in PARAMETERS for value in p.values)
_COLUMN = {value: column for column, value in enumerate(VALUES)}


def values_of(case: Case) -> dict[str, str]:
    """Return the case's value of every parameter; empty where it calls no layer of its own.

    A parameter is left out where the case's value is in none of the classes.
    """
    index = first_call(case)
    if index is None:
        return {}
    step = case.steps[index]
    assert isinstance(step, Call)
    if step.inputs.ndim != 4:
        return {}
    try:
        facts = Facts(case.arguments, Geometry.of(case.arguments), step.inputs)
    except (KeyError, TypeError, ValueError):  # arguments in a form of their own, or refused ones
        return {}
    found = {p.name: p.of(facts) for p in PARAMETERS}
    return {p.name: v for p in PARAMETERS if (v := found[p.name]) in p.values}


def first_call(case: Case) -> int | None:
    """Return the index of the first call on the layer that the case's arguments describe."""
    for index, step in case.own_steps:
        if isinstance(step, (Construct, Use, Assign)):
            return None
        if isinstance(step, Call):
            return index
    return None


def table(rows: Iterable[Mapping[str, str]]) -> Array:
    """Return one row of zeros and ones for each case's values, in the columns of `VALUES`."""
    listed = list(rows)
    result = np.zeros((len(listed), len(VALUES)), np.int64)
    for row, values in zip(result, listed):
        row[[_COLUMN[value] for value in values.items()]] = 1
    return result


def possible() -> Array:
    """Return the square table, in the columns of `VALUES`, of the pairs that a layer can show."""
    owner = np.array([name for name, _ in VALUES])
    result: Array = owner[:, None] != owner[None, :]
    for rule in IMPOSSIBLE:
        for value in rule.values:
            for other in rule.other_values:
                row, column = _COLUMN[rule.parameter, value], _COLUMN[rule.other, other]
                result[row, column] = result[column, row] = False
    return result


@attrs.frozen(eq=False)
class Coverage:
    """How many of a subject's cases show each pair: a square table in the columns of `VALUES`."""

    cases: int
    counts: Array

    @staticmethod
    def of(cases: Iterable[Case]) -> Coverage:
        """Count the pairs in cases."""
        return Coverage.of_values(map(values_of, cases))

    @staticmethod
    def of_values(found: Iterable[Mapping[str, str]]) -> Coverage:
        """Count the pairs in what `values_of` gave for cases."""
        rows = table(values for values in found if values)
        return Coverage(len(rows), rows.T @ rows)

    @property
    def least(self) -> int:
        """How often the rarest possible pair occurs."""
        return int(self._possible_counts.min())

    @property
    def covered(self) -> int:
        """How many of the possible pairs occur."""
        return int(np.count_nonzero(self._possible_counts))

    @property
    def total(self) -> int:
        """How many pairs are possible."""
        return len(self._possible_counts)

    @property
    def _possible_counts(self) -> Array:
        counts: Array = self.counts[np.triu(possible())]
        return counts

    def __str__(self) -> str:
        text = f"{self.covered:,} of {self.total:,} pairs of parameter values"
        return text + (f", each in at least {self.least} cases" if self.least > 1 else "")
