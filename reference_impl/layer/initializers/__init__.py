"""The initializer arguments: constants, and the names of them all (clauses INIT-03 to INIT-06)."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.layer.initializers.base import Initializer, Shape, as_dtype, as_floating
from reference_impl.layer.initializers.random_values import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)
from reference_impl.layer.names import snake_case
from reference_impl.layer.serialization import named
from reference_impl.layer.tensors import to_dtype, to_number
from reference_impl.storage import Array, from_numbers

__all__ = ["Constant", "Identity", "Initializer", "Ones", "Zeros", "get"]


@dataclass(eq=False)
class Constant(Initializer):
    """One value for all elements, or a list with one value per element, row by row."""

    value: Any = 0

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`.

        Raises:
            TypeError: a list that has neither one value nor one per element (INIT-06); a Python number
                that the dtype does not hold, as 1.5 is no integer.
            ValueError: no numbers, or one that is out of range.
        """
        values = to_dtype(self.value, as_dtype(dtype), "value")
        elements = math.prod(shape)
        if values.size not in (1, elements):
            raise TypeError(
                f"constant with unsupported shape: the value has {values.size} elements, the shape "
                f"is {tuple(shape)} with {elements} elements (INIT-06)"
            )
        return np.resize(values, tuple(shape))

    def get_config(self) -> dict[str, Any]:
        """The value, as Python numbers."""
        value = self.value
        return {"value": value.tolist() if hasattr(value, "tolist") else value}


class Zeros(Initializer):
    """All zeros.

    Args:
        dtype: only written into the configuration, as `tf.compat.v1.zeros_initializer()` does.
    """

    def __init__(self, dtype: str | None = None) -> None:
        self._configured_dtype = dtype

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        return np.zeros(tuple(shape), as_dtype(dtype))

    def get_config(self) -> dict[str, Any]:
        """Nothing, or the dtype that was given."""
        return {} if self._configured_dtype is None else {"dtype": self._configured_dtype}


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        return np.ones(tuple(shape), as_dtype(dtype))


@dataclass(eq=False)
class Identity(Initializer):
    """An identity matrix; refused for every weight of this layer (INIT-05)."""

    gain: float = 1.0

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`.

        Raises:
            ValueError: not two axes.
        """
        dtype = as_floating(dtype)
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. Received: "
                f"shape={tuple(shape)} of rank {len(shape)} (INIT-05)."
            )
        gain = to_number(self.gain, "gain")
        values = [gain * (i == j) for i in range(shape[0]) for j in range(shape[1])]
        return from_numbers(values, tuple(shape), dtype)


_KINDS = (
    *(Constant, Identity, Ones, Orthogonal, VarianceScaling, Zeros),
    *(RandomNormal, RandomUniform, TruncatedNormal),
    *(GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform),
)
_KNOWN: dict[str, type[Initializer]] = {
    **{f"{kind.__name__}{version}": kind for kind in _KINDS for version in ("", "V2")},
    **{snake_case(kind.__name__): kind for kind in _KINDS},
    **{f"{snake_case(kind.__name__)}V2": kind for kind in _KINDS[-6:]},
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
    "Initializer": Initializer,
    "initializer": Initializer,
}


def get(identifier: Any) -> Any:
    """The initializer that the argument names (INIT-05). A class is instantiated.

    Raises:
        ValueError: an unknown name, or an object that is neither a name, a dict nor callable.
    """
    if isinstance(identifier, Mapping) and isinstance(identifier.get("config"), Mapping):
        arguments = {key: value for key, value in identifier["config"].items() if key != "dtype"}
        identifier = {**identifier, "config": arguments}
    if inspect.isclass(identifier):
        return identifier()
    return named(identifier, _KNOWN, "initializer", "INIT-05")
