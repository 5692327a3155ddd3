"""The layer's packed kernels: made once per form, dropped when the weights change."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy.typing as npt

from fast_impl.planning import planner
from fast_impl.planning.planner import PackedKernel
from fast_impl.problem.problem import Options
from fast_impl.runtime.locks import Lock

Array = npt.NDArray[Any]

# Shapes of inputs that one layer meets in turn, each with its plan.
_SHAPES = 8
# Forms of a kernel; each may be as large as the kernel.
_FORMS = 4


class _Kept(NamedTuple):
    """What is known of one kernel; replaced, never changed."""

    kernel: Array | None = None
    options: Options | None = None
    shapes: dict[Any, PackedKernel] = {}  # noqa: RUF012
    forms: dict[Hashable, PackedKernel] = {}  # noqa: RUF012


class PackedKernels:
    """Packed forms of the current kernel, with plans, by shape and dtype of the input.

    Weights are read-only arrays that are replaced, never written into, so the identity of the
    array says whether a packed form is still good, by whatever route the weights changed. The options may be
    changed, too. A form does not depend on the size of the images: another size takes a plan, and seldom more.
    """

    def __init__(self, algorithm: str | None = None) -> None:
        self._algorithm = algorithm
        self._kept = _Kept()
        self._lock = Lock()

    def get(self, inputs: Array, kernel: Array, options: Options) -> PackedKernel:
        """Return ``kernel`` packed for ``inputs``, packing it only the first time."""
        kept = self._kept
        key = inputs.shape, inputs.dtype
        same = kept.kernel is kernel and (kept.options is options or kept.options == options)
        if same:
            found = kept.shapes.get(key)
            if found is not None:
                return found
        plan = planner.for_arrays(*key, kernel.shape, inputs.dtype, options, self._algorithm)
        made = PackedKernel(plan, kernel, kept.forms.get(plan.form) if same else None)
        with self._lock:
            kept = self._kept
            if kept.kernel is not kernel or kept.options != options:
                kept = _Kept(kernel, options)
            self._kept = kept._replace(
                shapes=_with(kept.shapes, key, made, _SHAPES),
                forms=_with(kept.forms, plan.form, made, _FORMS),
            )
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedKernels, (self._algorithm,)


def _with(
    known: dict[Any, PackedKernel], key: Hashable, made: PackedKernel, most: int
) -> dict[Any, PackedKernel]:
    """The latest ``most`` of them."""
    changed = {other: value for other, value in known.items() if other != key}
    changed[key] = made
    return changed if len(changed) <= most else dict(list(changed.items())[-most:])
