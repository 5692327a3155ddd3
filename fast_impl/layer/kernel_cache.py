"""The layer's packed kernels: made once per shape, dropped when the weights change."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from fast_impl.planning import planner
from fast_impl.planning.planner import PackedKernel
from fast_impl.problem.problem import Options
from fast_impl.runtime.locks import Lock

Array = npt.NDArray[Any]

# Shapes of inputs that one layer meets in turn; a packed kernel may be as large as the kernel.
_KEPT = 4


class PackedKernels:
    """Packed forms of the current kernel, each with its plan, by shape and dtype of the input.

    Weights are read-only arrays that are replaced, never written into, so the identity of the
    array says whether a packed form is still good, by whatever route the weights changed. The options may be
    changed, too.
    """

    def __init__(self, algorithm: str | None = None) -> None:
        self._algorithm = algorithm
        self._current: tuple[Array | None, Options | None, dict[Any, PackedKernel]] = (
            None,
            None,
            {},
        )
        self._lock = Lock()

    def get(self, inputs: Array, kernel: Array, options: Options) -> PackedKernel:
        """Return ``kernel`` packed for ``inputs``, packing it only the first time."""
        current, known, packed = self._current
        key = inputs.shape, inputs.dtype
        if current is kernel and (known is options or known == options):
            found = packed.get(key)
            if found is not None:
                return found
        plan = planner.for_arrays(*key, kernel.shape, inputs.dtype, options, self._algorithm)
        made = PackedKernel(plan, kernel)
        with self._lock:
            current, known, packed = self._current
            if current is not kernel or known != options or len(packed) >= _KEPT:
                packed = {}
            self._current = (kernel, options, {**packed, key: made})
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedKernels, (self._algorithm,)
