"""The judges: one module per chapter, one function per clause."""

# Importing a chapter registers its checks.
from conformance.checks import (  # noqa: F401
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
