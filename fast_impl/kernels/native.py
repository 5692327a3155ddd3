"""The target that kernels are generated for in this process."""

from __future__ import annotations

import functools

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86 import features
from fast_impl.runtime import environment


@functools.cache
def target() -> Target | None:
    """Return the best instruction set of this processor, or None where no kernels can be generated.

    ``FAST_IMPL_MACHINE_CODE=0`` in the environment forbids them; so do ``off``, ``false`` and ``no``.

    Raises:
        ValueError: The variable means neither yes nor no.
    """
    if not environment.flag("FAST_IMPL_MACHINE_CODE", default=True):
        return None
    return features.target()
