"""JAX: `jax.lax.conv_transpose`, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from conformance.model import steps
from conformance.model.geometry import Geometry
from conformance.model.observation import Unsupported
from conformance.model.values.codec import Array
from conformance.subjects.frameworks.operation import (
    Operation,
    crops_of,
    dilations_of,
    strides_of,
)

#: JAX keeps what it has compiled: two megabytes for each shape, thirty for each case of a layer of Keras, which
#: is many operations. After so many cases it is told to forget it; the memory is used again, not given back.
KEPT = 25


class Forgetting:
    """Counts cases, and has JAX forget what it has compiled."""

    def __init__(self) -> None:
        self._cases = 0

    def count(self) -> None:
        """Count a case."""
        import jax

        self._cases += 1
        if self._cases % KEPT == 0:
            jax.clear_caches()


class JaxOperation(Operation):
    """`conv_transpose` with `transpose_kernel`, which its documentation says is Keras' layer."""

    refusals = (AssertionError, TypeError)

    def __init__(self, way: str, platform: str) -> None:
        import jax

        super().__init__(way)
        # Without it JAX makes float32 of float64: that is what a person sees first.
        jax.config.update("jax_enable_x64", way == "exact")
        try:
            self._device = jax.devices(platform)[0]
        except RuntimeError as error:
            raise OSError(f"JAX sees no {platform} here") from error
        self._jax, self._forgetting = jax, Forgetting()
        # One compilation for each shape instead of one for each operation in it.
        self._way = jax.jit(self._way, static_argnums=3)

    def backend(self) -> steps.Backend:
        """Return a fresh backend."""
        self._forgetting.count()
        return super().backend()

    def versions(self) -> Mapping[str, str]:
        """JAX, and the device where it is none of the processor."""
        device = self._device
        others = {} if device.platform == "cpu" else {"device": device.device_kind}
        return {"jax": self._jax.__version__, **others, "numpy": np.__version__}

    def tensor(self, array: Array) -> Any:
        """A copy on the device."""
        return self._jax.device_put(array, self._device)

    def array(self, tensor: Any) -> Array:
        """An array of the tensor's dtype."""
        return np.asarray(tensor)

    def natural(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """JAX has the same words for padding."""
        if geometry.height.output_padding is not None:
            raise Unsupported("jax.lax.conv_transpose takes no output_padding")
        padding = "SAME" if geometry.height.same else "VALID"
        return self._transposed(inputs, kernel, bias, geometry, padding)

    def exact(self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry) -> Any:
        """The zeros around the dilated input, counted out: below zero, they are dropped."""
        lengths = [inputs.shape[place] for place in geometry.spatial_axes]
        padding = tuple(
            (
                axis.extent - 1 - crop.before,
                # No rows stay none, whatever the stride.
                axis.output_length(n) + crop.before - max((n - 1) * axis.stride + 1, 0),
            )
            for n, axis, crop in zip(lengths, geometry.axes, crops_of(inputs, geometry))
        )
        return self._transposed(inputs, kernel, bias, geometry, padding)

    def _transposed(
        self, inputs: Any, kernel: Any, bias: Any, geometry: Geometry, padding: Any
    ) -> Any:
        layout = "NCHW" if geometry.channels_first else "NHWC"
        outputs = self._jax.lax.conv_transpose(
            inputs,
            kernel,
            strides=strides_of(geometry),
            padding=padding,
            rhs_dilation=dilations_of(geometry),
            dimension_numbers=(layout, "HWIO", layout),
            transpose_kernel=True,
        )
        if bias is None:
            return outputs
        return outputs + (bias[:, None, None] if geometry.channels_first else bias)

    def derivatives(self, forward: Callable[..., Any], sources: list[Any], upstream: Any) -> Any:
        """By `jax.vjp`."""

        def found(*given: Any) -> Any:
            return self._jax.vjp(forward, *given)[1](upstream)

        return self._jax.jit(found)(*sources)

    def second_derivative(
        self, forward: Callable[..., Any], sources: list[Any], upstream: Any
    ) -> Any:
        """By `jax.grad` of a function with `jax.vjp` in it."""
        inputs, kernel, *others = sources

        def squares(weights: Any) -> Any:
            found = self._jax.vjp(lambda images: forward(images, weights, *others), inputs)[1](
                upstream
            )[0]
            return (found * found).sum()

        return [self._jax.jit(self._jax.grad(squares))(kernel)]


def driver(variant: str, way: str) -> JaxOperation:
    """Return JAX on the platform `variant`."""
    return JaxOperation(way, variant)
