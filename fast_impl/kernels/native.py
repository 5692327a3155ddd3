"""The target that kernels are generated for in this process."""

from __future__ import annotations

import functools

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86 import features
from fast_impl.runtime import environment


@functools.cache
def target() -> Target | None:
    """Return the instruction set that kernels are generated for, or None where none can be.

    It is the best of this processor, or the one that ``FAST_IMPL_MACHINE_CODE`` in the environment names
    (``avx512_bf16``, ``avx512``, ``avx2``); ``0``, ``off``, ``false`` and ``no`` forbid generated kernels.

    Raises:
        ValueError: The variable means none of these, or an instruction set that this processor does not have.
    """
    asked = environment.choice("FAST_IMPL_MACHINE_CODE", tuple(features.NAMES))
    if asked is False:
        return None
    found = features.targets()
    if asked is None or asked is True:
        return found[0] if found else None
    wanted = features.NAMES[asked]
    if wanted not in found:
        there = [name for name, target in features.NAMES.items() if target in found]
        raise ValueError(
            f"the environment variable FAST_IMPL_MACHINE_CODE={asked!r} names an instruction set that cannot be "
            f"used here; there are: {', '.join(there) or 'none'}"
        )
    return wanted
