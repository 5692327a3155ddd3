"""Layers whose answers have another form than any layer's: nothing can be read off them."""

from typing import Any

import numpy as np

import fast_impl


class WithoutBiasInWeights(fast_impl.Conv2DTranspose):
    @property
    def weights(self) -> Any:
        return super().weights[:1]

    def get_weights(self) -> Any:
        return super().get_weights()[:1]


class TextResult(fast_impl.Conv2DTranspose):
    def __call__(self, inputs: Any) -> Any:
        return np.asarray(super().__call__(inputs)).astype(str)


class LossesAreText(fast_impl.Conv2DTranspose):
    @property
    def losses(self) -> Any:
        return ["large"] * len(super().losses)


class OneGradient(fast_impl.Conv2DTranspose):
    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        return super().gradients(inputs, output_gradient)[:1]


class ConfigIsAList(fast_impl.Conv2DTranspose):
    def get_config(self) -> Any:
        return list(super().get_config())


class ShapeIsText(fast_impl.Conv2DTranspose):
    def compute_output_shape(self, input_shape: Any) -> Any:
        return str(super().compute_output_shape(input_shape))
