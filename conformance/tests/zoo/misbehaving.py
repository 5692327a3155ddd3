"""Layers that break down, and some odd ones that are right all the same."""

import os
import time
from typing import Any

import fast_impl


class AbortsAlways(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        os.abort()


class AbortsOnTwoImages(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        if len(inputs) == 2:
            os.abort()
        return super().__call__(inputs)


class Hangs(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        while True:
            time.sleep(3600)


class RaisesInConstructor(fast_impl.Conv2DTranspose):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the accelerator is on fire")


class Prints(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        print('{"kind": "observation"}')  # noqa: T201 - the point of it
        os.write(1, b"not for the harness\n")
        return super().__call__(inputs)


class LacksChannelsFirst(fast_impl.Conv2DTranspose):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data_format == "channels_first":
            raise NotImplementedError("channels_first is not there yet")


def bare_function(
    inputs: Any, kernel: Any, strides: Any, padding: str, data_format: str, bias: Any = None
) -> Any:
    return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, data_format, bias=bias)


a_number = 3


class DamagedByStrides(fast_impl.Conv2DTranspose):
    """Overwrites what all layers of its process share, where the strides are (1, 2): calls of others are wrong."""

    _by: Any = None

    def __call__(self, inputs: Any) -> Any:
        outputs = super().__call__(inputs)
        if self.strides == (1, 2):
            DamagedByStrides._by = DamagedByStrides._by or self
        return outputs if DamagedByStrides._by in (None, self) else outputs + 1


class AbortsInGradients(fast_impl.Conv2DTranspose):
    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        os.abort()


class RefusesGradients(fast_impl.Conv2DTranspose):
    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        raise RuntimeError("the weight must be contiguous")
