"""How far a result may be from the exact one: derived from the arithmetic, element by element.

A sum of n products in a format with unit roundoff u, in any order, with or without fused
multiply-adds, satisfies

    |got - exact| <= gamma(n + 1) * S,   gamma(m) = m*u / (1 - m*u),   S = sum |x||w| + |b|

(N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1; the "+ 1" is the
bias). S costs one more run of the oracle, on absolute values. The scaled error |got - exact| / (u*S) is
what reports show: of the order of sqrt(n) for an honest implementation, about 2^13 where float32 data
was rounded to TF32 or float16 before the products, about 2^16 for bfloat16.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.model.values.dtypes import SIGNIFICAND_BITS

#: The largest finite value where it matters that a result overflows.
LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38, "float32": 3.4028234663852886e38}


def unit_roundoff(dtype_name: str) -> float:
    """Return u = 2**-p of a floating format with p significand bits."""
    return 2.0 ** -SIGNIFICAND_BITS[dtype_name]


def gamma(operations: int, roundoff: float) -> float:
    """Return m*u / (1 - m*u); infinite where m*u reaches 1 and the bound says nothing."""
    product = operations * roundoff
    return product / (1 - product) if product < 1 else float("inf")


def exactly_summable(dtype_name: str, largest_sum: float, *arrays: Array) -> bool:
    """Tell whether sums of products of these arrays are exact in `dtype_name`, in any order.

    True for integer values whose sums of absolute products stay within the significand.
    """
    if dtype_name not in SIGNIFICAND_BITS:
        return True
    if not largest_sum <= 2.0 ** SIGNIFICAND_BITS[dtype_name]:
        return False
    return all(bool(np.all(_whole(array))) for array in arrays)


def allowed_error(magnitude: Array, terms: int, dtype_name: str, exact: bool) -> Array:
    """Return the bound on |got - exact| for every element.

    Args:
        magnitude: S, float64, the output's shape.
        terms: n, an upper bound of the products summed in one element.
        dtype_name: the format the subject computes in.
        exact: the data sums without rounding, so nothing but equality will do.
    """
    if exact:
        return np.zeros_like(magnitude)
    # The oracle sums in float64: its own error counts too, and only matters for float64 subjects.
    factor = gamma(terms + 1, unit_roundoff(dtype_name)) + gamma(
        terms + 1, unit_roundoff("float64")
    )
    allowed: Array = factor * magnitude + (terms + 1) * smallest_normal(dtype_name)
    return allowed


def smallest_normal(dtype_name: str) -> float:
    """Return what a result may lose by underflow: subnormal ones may be flushed to zero, but not in float16."""
    if dtype_name == "float16":
        return 2.0**-24
    if dtype_name in ("float32", "bfloat16"):
        return 2.0**-126
    return float(np.finfo(np.float64).tiny)


def _whole(array: Array) -> Any:
    values = array.astype(np.float64)
    return np.isfinite(values) & (values == np.round(values))
