"""The target that kernels are generated for in this process."""

from __future__ import annotations

import functools
import os

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86 import features


@functools.cache
def target() -> Target | None:
    """Return the best instruction set of this processor, or None where no kernels can be generated.

    ``FAST_IMPL_MACHINE_CODE=0`` in the environment forbids them.
    """
    if os.environ.get("FAST_IMPL_MACHINE_CODE") == "0":
        return None
    return features.target()
