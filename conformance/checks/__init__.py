"""The judges: one module per chapter, one function per clause."""

from conformance.checks import (
    activations,
    arguments,
    constraints,
    dtypes,
    formats,
    gradients,
    initializers,
    interface_claims,
    life_cycles,
    losses,
    padding,
    processes,
    scenes,
    shapes,
    values,
)
from conformance.checks.registry import (
    CHECKS,
    Check,
    Misbehaved,
    NotSupported,
    NotTried,
    Traits,
    View,
)

__all__ = ["CHECKS", "Check", "Misbehaved", "NotSupported", "NotTried", "Traits", "View"]
_CHAPTERS = (
    activations,
    arguments,
    constraints,
    dtypes,
    formats,
    gradients,
    initializers,
    interface_claims,
    life_cycles,
    losses,
    padding,
    processes,
    scenes,
    shapes,
    values,
)
