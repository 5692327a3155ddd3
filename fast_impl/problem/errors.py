"""The one error class of its own that the library raises."""

from __future__ import annotations


class InvalidArgumentError(ValueError):
    """The arrays of a call do not fit each other or the configuration.

    Raised wherever TensorFlow's eager mode raises ``tf.errors.InvalidArgumentError``; a
    ``ValueError``, so that nobody needs this library's name to catch it.
    """
