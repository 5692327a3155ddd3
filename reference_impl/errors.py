"""The one exception that TensorFlow has and Python has not."""

from __future__ import annotations

__all__ = ["InvalidArgumentError"]


class InvalidArgumentError(ValueError):
    """Raised wherever TensorFlow's eager mode raises `tf.errors.InvalidArgumentError`.

    TensorFlow's own class is not a `ValueError`; this one is, so that a caller who only
    knows Python catches it in the usual way.
    """
