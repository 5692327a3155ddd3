"""The layer's packed kernels: made once per plan, dropped when the weights change."""

from __future__ import annotations

import threading
from typing import Any

import numpy.typing as npt

from fast_impl.planner import PackedKernel, Plan

Array = npt.NDArray[Any]

# Shapes of inputs that one layer meets in turn; a packed kernel may be as large as the kernel.
_KEPT = 4


class PackedKernels:
    """Packed forms of the current kernel, by plan.

    Weights are read-only arrays that are replaced, never written into, so the identity of the
    array says whether a packed form is still good, by whatever route the weights changed.
    """

    def __init__(self) -> None:
        self._kernel: Array | None = None
        self._packed: dict[Plan, PackedKernel] = {}
        self._lock = threading.Lock()

    def get(self, plan: Plan, kernel: Array) -> PackedKernel:
        """Return ``kernel`` packed for ``plan``, packing it only the first time."""
        if self._kernel is kernel:
            found = self._packed.get(plan)
            if found is not None:
                return found
        packed = PackedKernel(plan, kernel)
        with self._lock:
            if self._kernel is not kernel:
                self._kernel, self._packed = kernel, {}
            elif len(self._packed) >= _KEPT:
                self._packed = {}
            self._packed[plan] = packed
        return packed

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def __setstate__(self, state: dict[str, Any]) -> None:
        PackedKernels.__init__(self)
