"""The layer: Keras' object around the functions."""

from __future__ import annotations

from reference_impl.layer.conv2d_transpose import Conv2DTranspose

__all__ = ["Conv2DTranspose"]
