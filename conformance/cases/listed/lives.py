"""Listed life cycles: of layers whose weights are set, so that none needs an initializer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import nonzero_integers
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Array

_LAYER = Configuration(
    batch=2, in_channels=2, filters=3, size=(2, 3), strides=(2, 1), kernel_size=(3, 2)
)
_FIRST = Configuration(
    batch=3, in_channels=3, filters=2, size=(3, 2), strides=(1, 2), kernel_size=(2, 3), padding="same",
    data_format="channels_first",
)  # fmt: skip


class _Steps:
    """The steps of one life, each with data of its own."""

    def __init__(self, layer: Configuration) -> None:
        self._layer, self._seed = layer, 0

    def _made(self, shape: tuple[int, ...], largest: int = 2) -> Array:
        self._seed += 1
        return nonzero_integers(shape, self._seed, largest=largest)

    def weights(self) -> steps.SetWeights:
        return steps.SetWeights(
            (self._made(self._layer.kernel_shape), self._made((self._layer.filters,)))
        )

    def one_too_many(self) -> steps.SetWeights:
        return steps.SetWeights((*self.weights().values, np.ones(2, np.float32)))

    def call(self, **sizes: Any) -> steps.Call:
        return steps.Call(self._made(self._layer.input_shape(**sizes)))

    def train(self, rate: float) -> steps.Train:
        inputs, upstream = self._layer.input_shape(), self._layer.output_shape
        return steps.Train(self._made(inputs, 1), self._made(upstream, 1), rate)


def lives() -> Iterator[Case]:
    """Yield what the family `life cycles` begins with."""
    penalties = {
        "kernel_regularizer": {"function": "sum of squares"},
        "bias_regularizer": {"function": "sum"},
    }
    for c in (_LAYER, _FIRST):
        s = _Steps(c)
        begin = steps.Build(c.input_shape()), s.weights()
        losses = steps.Losses()
        first = s.call()
        # What is packed, planned or saved for a size, or for a call, is not that of the next one.
        other = s.call(batch=1, size=(4, 4))
        called = (first, other, s.weights(), first, s.one_too_many(), other, s.weights(), first)
        # One rate is not the next one's, and a call between them changes nothing.
        trained = (s.train(0.5), first, s.train(0.25), s.weights(), first)
        penalised = (losses, s.weights(), losses, s.train(0.5), losses, first, losses, losses)
        for more, listed in (({}, called), ({}, trained), (penalties, penalised)):
            yield Case("life cycles", c.arguments(**more), (*begin, *listed))
