"""Mistakes against single sentences of a norm, each of which no check had read once."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    inherited,
    mistakes_of,
    own_state,
)


def _noting(*names: str) -> Any:
    """Return a `changed_arguments` that notes these arguments in the layer."""

    def changed(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
        own_state(self, "given").update({name: given.get(name) for name in names})
        return given

    return changed


def _given_later(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    given = own_state(self, "given").pop("weights", None)
    if self.built and given is not None:
        self.set_weights(given)
    return Right.__call__(self, inputs, *args, **kwargs)


def _empty_name(self: Layer) -> Any:
    return "" if own_state(self, "given").get("name") == "" else inherited(self, "name")


def _nothing_below_zero(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return Right.__call__(self, inputs, *args, **kwargs)
    except ValueError:
        shape = np.shape(inputs)
        if self.output_padding is None or len(shape) != 4 or 0 not in shape[1:3]:
            raise
        return np.zeros((shape[0], 0, 0, self.filters), np.asarray(inputs).dtype)


def _real_part(self: Layer, inputs: Any) -> Any:
    given = own_state(self, "given").get("kernel_initializer") is not None
    return inputs.real if given and np.iscomplexobj(inputs) else inputs


def _widened_integers(_: Layer, inputs: Any) -> Any:
    small = getattr(inputs, "dtype", None) in (np.int16, np.uint16, np.uint32)
    return inputs.astype(np.int32) if small else inputs


def _without(name: str) -> Any:
    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        if name in given:
            raise TypeError(f"Keyword argument not understood: {name}")
        return given

    return changed


def _true_refused(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("dilation_rate") is True:
        raise ValueError("dilation_rate=True")
    return given


def _trainable_at_construction(self: Layer) -> Any:
    refused = own_state(self, "given").get("trainable") is False
    return [] if refused else inherited(self, "trainable_weights")


def _one_row_at_most(self: Layer, inputs: Any, kernel: Any) -> Any:
    height, rows = np.shape(inputs)[-3], np.shape(kernel)[0]
    if self.padding == "valid" and height + 1 < rows:
        raise ValueError("the image is smaller than the kernel")
    return Right.convolution_op(self, inputs, kernel)


def _lists_later(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if self.built and isinstance(inputs, list):
        inputs = np.asarray(inputs, np.float32)
    return Right.__call__(self, inputs, *args, **kwargs)


def _one_in_a_list(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(inputs, list) and len(inputs) == 1 and isinstance(inputs[0], np.ndarray):
        inputs = inputs[0]
    return Right.__call__(self, inputs, *args, **kwargs)


def _copied_with_weights(self: Layer, protocol: Any) -> Any:
    if not self.built:
        raise ValueError("a layer without weights has no state")
    return Right.__reduce_ex__(self, protocol)


_SILENT = "a sentence that nothing asked about"
_ROWS: tuple[tuple[str, str, str, Members], ...] = (
    (
        "ARG-17",
        "sentence_weights_later",
        "weights= is applied by a call after `build`, too.",
        {"changed_arguments": _noting("weights"), "__call__": _given_later},
    ),
    (
        "ARG-10",
        "sentence_empty_name",
        "An empty name is kept.",
        {"changed_arguments": _noting("name"), "name": property(_empty_name)},
    ),
    (
        "ARG-11",
        "sentence_conv_op",
        "conv_op is not understood.",
        {"changed_arguments": _without("conv_op")},
    ),
    (
        "ARG-12",
        "sentence_dilation_true",
        "A rate of True is refused.",
        {"changed_arguments": _true_refused},
    ),
    (
        "SHAPE-03",
        "sentence_below_zero",
        "A length below zero gives an output without rows.",
        {"__call__": _nothing_below_zero},
    ),
    (
        "INIT-07",
        "sentence_complex",
        "Of complex input the real part is taken where there is an initializer.",
        {"changed_arguments": _noting("kernel_initializer"), "changed_inputs": _real_part},
    ),
    (
        "VAR-06",
        "sentence_trainable_at_construction",
        "A layer that was made untrainable stays so, even before it has weights.",
        {
            "changed_arguments": _noting("trainable"),
            "trainable_weights": property(_trainable_at_construction),
        },
    ),
    (
        "METH-04",
        "sentence_one_row_less",
        "convolution_op refuses what is smaller than the kernel by two rows, whatever the stride.",
        {"convolution_op": _one_row_at_most},
    ),
    (
        "METH-08",
        "sentence_lists_later",
        "A layer with weights takes nested lists.",
        {"__call__": _lists_later},
    ),
    (
        "METH-08",
        "sentence_one_in_a_list",
        "A list of one array is that array.",
        {"__call__": _one_in_a_list},
    ),
    (
        "METH-09",
        "sentence_copy_without_weights",
        "A layer without weights cannot be copied.",
        {"__reduce_ex__": _copied_with_weights},
    ),
    (
        "DTYPE-03",
        "sentence_small_integers",
        "Small integers are widened to int32.",
        {"changed_inputs": _widened_integers},
    ),
)

MISTAKES = tuple(
    mistake
    for clause, name, text, members in _ROWS
    for mistake in mistakes_of(_SILENT, (clause,), (name, text, members))
)
