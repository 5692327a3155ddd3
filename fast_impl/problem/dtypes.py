"""Which number formats are computed, and in which format their sums are kept."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.errors import InvalidArgumentError

DType = np.dtype[Any]

# bfloat16 is not NumPy's own; any package may register it, so it is known by its name.
COMPUTED = ("float16", "bfloat16", "float32", "float64", "int32")
# Those of arrays of numbers, whether they are computed or not.
NUMBERS = frozenset(
    {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
    | {"bool", "bfloat16", "float16", "float32", "float64", "complex64", "complex128"}
)
_WIDER = {"float16": np.dtype(np.float32), "bfloat16": np.dtype(np.float32)}


@functools.lru_cache(maxsize=64)
def accumulator(dtype: DType) -> DType:
    """Format in which products are summed: float32 for the two half formats, else the same."""
    # Kept, because asking a dtype for its name is slow.
    return _WIDER.get(dtype.name, dtype)


def is_floating(dtype: DType) -> bool:
    """Whether a format is one of floating-point numbers."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same numbers in the byte order of this machine; the array itself where they are (SIT-01)."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def require_computed(dtype: DType, argument: str) -> None:
    """Refuse a format that TensorFlow has no transposed convolution for (clause DTYPE-03).

    And one in the byte order of another machine, which neither BLAS nor kernel would notice.
    """
    if dtype.name not in COMPUTED:
        raise InvalidArgumentError(
            f"{argument} has dtype {dtype.name}, which is not in the list of allowed values: "
            f"{', '.join(COMPUTED)}; convert it first"
        )
    if not dtype.isnative:
        raise InvalidArgumentError(
            f"{argument} has dtype {dtype.str}, whose byte order is not this machine's; convert it "
            f"first"
        )


def by_name(name: Any) -> DType:
    """The dtype that is called, or is, ``name``; ``"bfloat16"`` is taken from ml_dtypes.

    Raises:
        TypeError: Unknown name.
        ImportError: ``"bfloat16"`` without ml_dtypes installed.
    """
    if isinstance(name, str) and name == "bfloat16":
        # Lazily: NumPy alone must do for everybody who does not ask for this format.
        import ml_dtypes

        bfloat16: DType = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    found: DType = np.dtype(name)
    return found
