"""Mistakes in work that is divided where there is much of it: at the border of two halves, or at an odd end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    AXES,
    Layer,
    Mistake,
    Right,
    outputs_changed,
    overridden,
    recomputed,
    spatial_axes,
    with_gradient,
    zeroed,
)


def _much(layer: Layer, inputs: Any) -> bool:
    """Tell whether a call has more than a million multiply-adds, bordering pixels counted whole."""
    kernel = layer.kernel
    return kernel is not None and bool(np.size(inputs) * kernel[..., :1].size > 2**20)


def _middle(size: int) -> int | None:
    return size // 2 if size > 1 else None


def _remainder(size: int) -> int | None:
    return size - 1 if size > 1 and size % 2 else None


Place = Callable[[int], "int | None"]


def _much_input(axis: str, place: Place) -> type:
    """Return a layer that loses one image, row or channel of the input."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        along = AXES[axis](layer)
        lost = place(inputs.shape[along])
        if lost is None or not _much(layer, inputs):
            return outputs
        return recomputed(layer, zeroed(inputs, along, lost))

    return outputs_changed(change)


def _much_gradient(field: int, axis: str, place: Place, *, twice: bool = False) -> type:
    """Return a layer one of whose gradients loses one place of the output gradient, or counts it twice."""

    def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
        found: Any = Right.gradients(self, inputs, output_gradient)
        whole = np.asarray(output_gradient)
        along = AXES[axis](self)
        lost = place(whole.shape[along])
        if found[field] is None or lost is None or not _much(self, inputs):
            return found
        part: Any = Right.gradients(self, inputs, zeroed(whole, along, lost))[field]
        return with_gradient(found, field, 2 * found[field] - part if twice else part)

    return overridden(gradients=gradients)


def _divided() -> Iterator[Mistake]:
    table: dict[str, tuple[str, str, type]] = {
        "channel": (
            "VAL-01", "the last of an odd number of channels is lost", _much_input("channels", _remainder)),
        "kernel_image": (
            "GRAD-01", "the kernel's gradient has no first image of the second half",
            _much_gradient(1, "batch", _middle)),
        "kernel_last": (
            "GRAD-01", "the kernel's gradient has no last image of an odd number",
            _much_gradient(1, "batch", _remainder)),
        "kernel_twice": (
            "GRAD-01", "the kernel's gradient has the middle image twice",
            _much_gradient(1, "batch", _middle, twice=True)),
        "kernel_row": (
            "GRAD-01", "the kernel's gradient has no middle row", _much_gradient(1, "height", _middle)),
        "bias_image": (
            "GRAD-01", "the bias' gradient has no first image of the second half",
            _much_gradient(2, "batch", _middle)),
        "inputs_row": (
            "GRAD-01", "the inputs' gradient has nothing of the middle row", _much_gradient(0, "height", _middle)),
    }  # fmt: skip
    for name, (clause, text, layer) in table.items():
        yield Mistake(
            id=f"divided_{name}", text=f"Beyond a million multiply-adds {text}.",
            source="work that is divided among threads", clauses=(clause,), layer=layer,
        )  # fmt: skip


def _long_gradient(is_such: Callable[[Layer, Array], bool], axis: str, place: Place) -> type:
    """Return a layer whose gradient of the inputs loses one place where the output gradient is long."""

    def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
        found: Any = Right.gradients(self, inputs, output_gradient)
        along = AXES[axis](self)
        lost = place(found.inputs.shape[along])
        if lost is None or not is_such(self, np.asarray(output_gradient)):
            return found
        return with_gradient(found, 0, zeroed(found.inputs, along, lost))

    return overridden(gradients=gradients)


def _row_is_long(layer: Layer, upstream: Array) -> bool:
    return bool(
        upstream.size // max(upstream.shape[AXES["height"](layer)] * len(upstream), 1) > 2**20
    )


def _image_is_long(_: Layer, upstream: Array) -> bool:
    return upstream[:1].nbytes > 8 * 2**20


def _first_of_later_piece(layer: Layer, inputs: Array, outputs: Array) -> Array:
    """Lose the first image of the second piece, where a piece has at most 8,192 pixels."""
    height, width = (inputs.shape[axis] for axis in spatial_axes(layer))
    images = 2**13 // max(height * width, 1)
    if not 1 < images < len(inputs):
        return outputs
    return recomputed(layer, zeroed(inputs, 0, images))


def _long() -> Iterator[Mistake]:
    table: dict[str, tuple[str, str, type]] = {
        "row": ("GRAD-01", "A row of more than a million numbers of the output gradient loses its last pixel.",
                _long_gradient(_row_is_long, "width", lambda size: size - 1 if size > 1 else None)),
        "image": ("GRAD-01", "An output gradient above 8 MB for an image loses the middle row.",
                  _long_gradient(_image_is_long, "height", _middle)),
        "batch": ("VAL-01", "Of more than 8,192 pixels the first image of the second piece is lost.",
                  outputs_changed(_first_of_later_piece)),
    }  # fmt: skip
    for name, (clause, text, layer) in table.items():
        yield Mistake(
            id=f"long_{name}",
            text=text,
            source="work that is cut into pieces",
            clauses=(clause,),
            layer=layer,
        )


MISTAKES = (*_divided(), *_long())
