"""The dtype of a layer (clauses ARG-16, DTYPE-01 to DTYPE-04)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["COMPUTED", "DtypePolicy", "policy_of"]

COMPUTED = ("float16", "bfloat16", "float32", "float64", "int32")
"""The dtypes that the layer computes in; weights of others can be made, but not used (DTYPE-03)."""

_NAMES = {
    **{name: name for name in COMPUTED},
    **{name: name for name in ("int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64")},
    **{name: name for name in ("bool", "complex64", "complex128", "string")},
    "half": "float16",
    "float": "float32",
    "double": "float64",
}

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DtypePolicy(NamedTuple):
    """compute: dtype of inputs, products and outputs. variable: dtype of the weights."""

    compute: str
    variable: str

    def serialized(self) -> Any:
        """The policy as `get_config` writes it."""
        for name, compute in _MIXED.items():
            if self.compute == compute and self.variable != compute:
                return {
                    "module": "keras.mixed_precision",
                    "class_name": "Policy",
                    "config": {"name": name},
                    "registered_name": None,
                }
        return self.variable


def policy_of(dtype: Any) -> DtypePolicy | None:
    """The policy that the dtype argument names; None (the default) waits for the first input.

    Raises:
        TypeError: no such dtype, or a configuration whose name is no string.
        ValueError: a dict that is no configuration of a policy.
    """
    if dtype is None:
        return None
    if hasattr(dtype, "compute_dtype") and hasattr(dtype, "variable_dtype"):
        return _policy_like(dtype)
    if isinstance(dtype, Mapping):
        return policy_of(_policy_name(dtype))
    if isinstance(dtype, str) and dtype in _MIXED:
        return DtypePolicy(_MIXED[dtype], "float32")
    if isinstance(dtype, str):
        name = _NAMES.get(dtype or "float32")
    elif isinstance(dtype, type) and not issubclass(dtype, np.generic):
        name = "float32" if dtype is float else "bool" if dtype is bool else None
    else:
        name = _NAMES.get(_numpy_name(dtype))
    if name is None:
        raise TypeError(
            f"Cannot convert the argument `type_value`: {dtype!r} to a dtype of the layer. Known: "
            f"{', '.join((*_NAMES, *_MIXED))} (DTYPE-04)"
        )
    return DtypePolicy(name, name)


def _policy_like(policy: Any) -> DtypePolicy:
    """The policy of an object that has both dtypes, as Keras' policies have."""
    compute, variable = map(_name_in_policy, (policy.compute_dtype, policy.variable_dtype))
    if isinstance(compute, str) and compute == variable and compute in _NAMES:
        return DtypePolicy(_NAMES[compute], _NAMES[compute])
    if variable != "float32" or compute not in _MIXED.values():
        raise TypeError(
            f"Cannot convert the argument `dtype`: a policy with compute_dtype={compute!r} and "
            f"variable_dtype={variable!r}; both must be one dtype of the layer, or the policy one of "
            f"{', '.join(_MIXED)} (ARG-16)"
        )
    return DtypePolicy(compute, variable)


def _name_in_policy(dtype: Any) -> Any:
    if dtype is None or isinstance(dtype, str):
        return dtype
    return _numpy_name(dtype) or dtype


def _policy_name(config: Mapping[str, Any]) -> str:
    if "class_name" not in config or not isinstance(config.get("config"), Mapping):
        raise ValueError(f"Unknown `config` as a `dict`, config={config!r}")
    name = config["config"].get("name")
    if not isinstance(name, str):
        raise TypeError(f"'name' must be a string, but got: {name!r}")
    return name


def _numpy_name(dtype: Any) -> str:
    try:
        return "" if isinstance(dtype, bytes) else str(np.dtype(dtype).name)
    except TypeError:
        return str(getattr(dtype, "name", ""))
