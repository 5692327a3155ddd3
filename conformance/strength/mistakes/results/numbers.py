"""Mistakes of value: bias, channels, taps, rounding, state, NaN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Mistake,
    channel_axis,
    inputs_changed,
    outputs_changed,
    overridden,
    recomputed,
    spatial_axes,
)

_ONNX_1531 = "github.com/onnx/onnx/issues/1531"


def _bias(layer: Layer, change: Callable[[Array], Array]) -> Array | None:
    return None if layer.bias is None else change(layer.bias)


def _biases() -> Iterator[Mistake]:
    ways: dict[str, tuple[str, Callable[[Array], Array]]] = {
        "forgotten": ("The bias is forgotten.", np.zeros_like),
        "twice": ("The bias is added twice.", lambda b: b * b.dtype.type(2)),
        "first": ("Every filter gets the first one's bias.", lambda b: np.full_like(b, b[0])),
        "reversed": ("The biases are in the reverse order.", lambda b: b[::-1].copy()),
        "rolled": ("Each filter gets its neighbour's bias.", lambda b: np.roll(b, 1)),
    }
    for name, (text, change) in ways.items():
        yield Mistake(
            id=f"M10_{name}",
            text=text,
            source=_ONNX_1531,
            clauses=("BIAS-01",),
            layer=outputs_changed(
                lambda layer, inputs, _, change=change: recomputed(  # type: ignore[misc]
                    layer, inputs, bias=_bias(layer, change)
                )
            ),
        )

    def first_pixel(layer: Layer, inputs: Array, outputs: Array) -> Array:
        without = recomputed(layer, inputs, bias=None)
        if outputs.size:
            without[:, :, :1, :1] = outputs[:, :, :1, :1]
        return without

    yield Mistake(
        id="M10_once",
        text="The bias reaches one corner only.",
        source=_ONNX_1531,
        clauses=("BIAS-01",),
        layer=outputs_changed(first_pixel),
    )

    def always(layer: Layer, _: Array, outputs: Array) -> Array:
        return outputs + outputs.dtype.type(1) if layer.bias is None else outputs

    yield Mistake(
        id="M10_always",
        text="Without bias something is added all the same.",
        source="a buffer that was not cleared",
        clauses=("BIAS-02",),
        layer=outputs_changed(always),
    )


def _kernels() -> Iterator[Mistake]:
    def taps(axes: tuple[int, ...]) -> Callable[[Array], Array]:
        return lambda kernel: np.flip(kernel, axes).copy()

    ways: dict[str, tuple[str, str, Callable[[Array], Array]]] = {
        "M19_height": ("The kernel is flipped along its height.", "VAL-01", taps((0,))),
        "M19_width": ("The kernel is flipped along its width.", "VAL-01", taps((1,))),
        "M19_both": ("The kernel is flipped: a correlation.", "VAL-01", taps((0, 1))),
        "M11_filters": ("Filters are taken in the reverse order.", "VAL-01", taps((2,))),
        "M11_channels": ("Input channels are taken in the reverse order.", "VAL-01", taps((3,))),
        "M11_exchanged": (
            "Input and output channels of the kernel are exchanged.",
            "FMT-03",
            lambda kernel: kernel.swapaxes(2, 3).reshape(kernel.shape),
        ),
        "one_tap": (
            "The last tap is left out.",
            "VAL-01",
            lambda k: np.concatenate([k[:-1], 0 * k[-1:]]),
        ),
    }
    for name, (text, clause, change) in ways.items():
        yield Mistake(
            id=name,
            text=text,
            source="github.com/google/flax/issues/3137",
            clauses=(clause if clause != "FMT-03" else "VAL-01",),
            layer=outputs_changed(
                lambda layer, inputs, _, change=change: recomputed(  # type: ignore[misc]
                    layer, inputs, kernel=change(layer.kernel)
                )
            ),
        )


def _tf32(values: Array) -> Array:
    if values.dtype != np.float32:
        return values
    bits = values.view(np.uint32)
    rounded: Array = ((bits + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32)
    return rounded


def _roundings() -> Iterator[Mistake]:
    ways: dict[str, tuple[str, Callable[[Array], Array]]] = {
        "tf32": ("TF32", _tf32),
        "float16": ("float16", lambda x: x.astype(np.float16).astype(x.dtype)),
        "bfloat16": ("bfloat16", lambda x: x.astype(ml_dtypes.bfloat16).astype(x.dtype)),
    }

    def rounded(change: Callable[[Array], Array]) -> Callable[[Any], Any]:
        def apply(inputs: Any) -> Any:
            floating = isinstance(inputs, np.ndarray) and inputs.dtype in (np.float32, np.float64)
            with np.errstate(all="ignore"):
                return change(inputs) if floating else inputs

        return apply

    for name, (text, change) in ways.items():
        yield Mistake(
            id=f"M16_{name}",
            text=f"Inputs are rounded to {text} before multiplying.",
            source="github.com/tensorflow/tensorflow/issues/23318",
            clauses=("DTYPE-02",),
            layer=inputs_changed(rounded(change)),
        )

        def product(
            layer: Layer, inputs: Array, _: Array, change: Callable[[Array], Array] = change
        ) -> Array:
            round_both = rounded(change)
            return recomputed(layer, round_both(inputs), kernel=round_both(layer.kernel))

        yield Mistake(
            id=f"M16_{name}_both",
            text=f"Inputs and kernel are rounded to {text} before multiplying.",
            source="github.com/pytorch/pytorch/issues/67384",
            clauses=("DTYPE-02",),
            layer=outputs_changed(product),
        )

    def narrow(_: Layer, __: Array, outputs: Array) -> Array:
        if outputs.dtype != np.float64:
            return outputs
        with np.errstate(all="ignore"):
            return outputs.astype(np.float32).astype(np.float64)

    yield Mistake(
        id="M21_precision",
        text="float64 is silently computed as float32.",
        source="github.com/tensorflow/tensorflow/issues/23318",
        clauses=("DTYPE-02",),
        layer=outputs_changed(narrow),
    )
    yield from _in_float32()
    yield Mistake(
        id="M21_dtype",
        text="The output is always float32.",
        source="a buffer of a fixed dtype",
        clauses=("DTYPE-01", "DTYPE-02", "DTYPE-03"),
        layer=outputs_changed(lambda _, __, y: y.astype(np.float32)),
    )

    def cast_first(inputs: Any) -> Any:
        # Whatever comes is made float32.
        if not isinstance(inputs, np.ndarray):
            return inputs
        return np.real(inputs).astype(np.float32)

    yield Mistake(
        id="M21_cast",
        text="Every input is cast to float32.",
        source="github.com/keras-team/keras/issues/15703",
        clauses=("DTYPE-03", "DTYPE-04"),
        layer=inputs_changed(cast_first),
    )


def _in_float32() -> Iterator[Mistake]:
    """Layers whose float64 is float32 inside, or comes out so."""
    limits = np.finfo(np.float32)

    def clamped(array: Array) -> Array:
        return np.clip(array, limits.min, limits.max)

    def narrow(array: Array) -> Array:
        return clamped(np.asarray(array)).astype(np.float32)

    def computed(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if outputs.dtype != np.float64:
            return outputs
        kernel, bias = narrow(layer.kernel), _bias(layer, narrow)
        with np.errstate(all="ignore"):
            made = recomputed(layer, narrow(inputs), kernel=kernel, bias=bias)
            return clamped(made).astype(np.float64)

    yield Mistake(
        id="float64_in_float32_clamped",
        text="float64 is computed in float32, and what is larger than its largest number, infinities too, becomes "
        "that.",
        source="docs.openvino.ai, precisions of the CPU device",
        clauses=("DTYPE-02", "DTYPE-05"),
        layer=outputs_changed(computed),
    )

    def shortened(_: Layer, __: Array, outputs: Array) -> Array:
        with np.errstate(all="ignore"):
            return outputs.astype(np.float32) if outputs.dtype == np.float64 else outputs

    yield Mistake(
        id="float64_becomes_float32",
        text="float64 is computed in float32, and the output is float32.",
        source="docs.jax.dev, default dtypes and the X64 flag",
        clauses=("DTYPE-02",),
        layer=outputs_changed(shortened),
    )


def _states() -> Iterator[Mistake]:
    def accumulate(layer: Layer, _: Array, outputs: Array) -> Array:
        # The buffer of the last call of this shape is added to.
        kept = layer.__dict__.setdefault("_kept", {})
        before = kept.get(outputs.shape)
        kept[outputs.shape] = outputs
        return outputs if before is None else outputs + before

    yield Mistake(
        id="M18_accumulates",
        text="A buffer is reused between calls of one shape and not cleared.",
        source="github.com/chelsea0x3b/dfdx/issues/677",
        clauses=("VAL-02",),
        layer=outputs_changed(accumulate),
    )

    def first_size(layer: Layer, _: Array, outputs: Array) -> Array:
        size = layer.__dict__.setdefault("_size", outputs.shape[1:3])
        return outputs[:, : size[0], : size[1]]

    yield Mistake(
        id="M18_size",
        text="The size of the first call is kept for all later ones.",
        source="github.com/tensorflow/tensorflow/issues/8972",
        clauses=("SHAPE-13", "LIFE-01"),
        layer=outputs_changed(first_size),
    )

    def batch_of_one(_: Layer, inputs: Array, outputs: Array) -> Array:
        wrong: Array = outputs.copy()
        if inputs.shape[0] > 1:
            wrong[1:] = wrong[:1]
        return wrong

    yield Mistake(
        id="batch_repeats",
        text="Every image of a batch gets the first one's output.",
        source="a stride of zero along the batch",
        clauses=("VAL-01", "DTYPE-06"),
        layer=outputs_changed(batch_of_one),
    )

    def in_place(inputs: Any) -> Any:
        if isinstance(inputs, np.ndarray) and inputs.size and inputs.flags.writeable:
            inputs.reshape(-1)[0] += inputs.dtype.type(1)
        return inputs

    yield Mistake(
        id="in_place",
        text="The call changes its input.",
        source="padding in place",
        clauses=("VAL-03",),
        layer=inputs_changed(in_place),
    )


def _specials() -> Iterator[Mistake]:
    def no_nan(inputs: Any) -> Any:
        floating = isinstance(inputs, np.ndarray) and inputs.dtype.kind == "f"
        return np.nan_to_num(inputs, nan=0.0) if floating else inputs

    yield Mistake(
        id="M24_input",
        text="NaN and infinities of the input are dropped.",
        source="multiplication with a mask of zeros",
        clauses=("DTYPE-05",),
        layer=inputs_changed(no_nan),
    )

    def spread(_: Layer, __: Array, outputs: Array) -> Array:
        if outputs.dtype.kind == "f" and np.isnan(outputs).any():
            return np.full_like(outputs, np.nan)
        return outputs

    yield Mistake(
        id="M24_spreads",
        text="One NaN makes the whole output NaN.",
        source="a transform over the whole image",
        clauses=("DTYPE-05",),
        layer=outputs_changed(spread),
    )


def _activations() -> Iterator[Mistake]:
    def before_bias(layer: Layer, inputs: Array, _: Array) -> Array:
        linear = np.asarray(recomputed(layer, inputs, bias=None))
        if layer.bias is None:
            return linear
        shape = [1, 1, 1, 1]
        shape[channel_axis(layer)] = -1
        total: Array = linear + layer.bias.reshape(shape)
        return total

    yield Mistake(
        id="M20",
        text="The activation is applied before the bias is added.",
        source="a fused kernel with the wrong epilogue",
        clauses=("ACT-01",),
        layer=outputs_changed(before_bias),
    )

    def twice(layer: Layer, _: Array, outputs: Array) -> Array:
        return np.asarray(layer.activation(outputs)) if outputs.size else outputs

    yield Mistake(
        id="activation_twice",
        text="The activation is applied twice.",
        source="a fused kernel and a separate activation",
        clauses=("ACT-01",),
        layer=outputs_changed(twice),
    )

    def channels(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if getattr(layer.activation, "__name__", "") != "softmax" or channel_axis(layer) == 3:
            return outputs
        linear = np.moveaxis(recomputed_linear(layer, inputs), 1, 3)
        return np.moveaxis(np.asarray(layer.activation(linear)), 3, 1)

    def recomputed_linear(layer: Layer, inputs: Array) -> Array:
        kept, layer.activation = layer.activation, lambda y: y
        try:
            return recomputed(layer, inputs)
        finally:
            layer.activation = kept

    yield Mistake(
        id="softmax_over_channels",
        text="softmax works on the channels in channels_first too.",
        source="what one would expect",
        clauses=("FMT-05",),
        layer=outputs_changed(channels),
    )

    def call_checked(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = super(self.__class__, self).__call__(inputs, *args, **kwargs)
        return np.broadcast_to(
            np.asarray(outputs if outputs is not None else 0.0), (1,) if outputs is None else np.shape(outputs)
        )  # fmt: skip

    yield Mistake(
        id="activation_result",
        text="Whatever the activation returns is made an array.",
        source="a typed signature",
        clauses=("ACT-02",),
        layer=overridden(__call__=call_checked),
    )


def _shapes() -> Iterator[Mistake]:
    def transposed(layer: Layer, _: Array, outputs: Array) -> Array:
        height, width = spatial_axes(layer)
        swapped: Array = outputs.swapaxes(height, width)
        return swapped

    yield Mistake(
        id="M08_output_transposed",
        text="Height and width of the output are exchanged.",
        source="github.com/tensorflow/tensorflow/pull/24151",
        clauses=("SHAPE-05", "SHAPE-06"),
        layer=outputs_changed(transposed),
    )

    def inferred(shape_of: Callable[[list[Any]], list[Any]]) -> type:
        def compute(self: Any, input_shape: Any) -> Any:
            return shape_of(list(super(self.__class__, self).compute_output_shape(input_shape)))

        return overridden(compute_output_shape=compute)

    for name, text, change in (
        ("known", "Unknown sizes are guessed as 1.", lambda s: [1 if n is None else n for n in s]),
        ("lost", "The static shape is lost.", lambda s: [None] * len(s)),
        ("batch", "The batch size is forgotten.", lambda s: [None, *s[1:]]),
    ):
        yield Mistake(
            id=f"static_shape_{name}",
            text=text,
            source="github.com/tensorflow/tensorflow/issues/10190",
            clauses=("SHAPE-07",),
            layer=inferred(change),
        )
    yield Mistake(
        id="static_shape_any_rank",
        text="compute_output_shape answers for any shape at all.",
        source="no validation",
        clauses=("SHAPE-09",),
        layer=overridden(compute_output_shape=lambda *_: (None, None, None, 3)),
    )

    def any_rank(inputs: Any) -> Any:
        if isinstance(inputs, np.ndarray) and inputs.ndim == 3:
            return inputs[None]
        return inputs[..., 0] if isinstance(inputs, np.ndarray) and inputs.ndim == 5 else inputs

    yield Mistake(
        id="rank_mended",
        text="A missing batch axis is added, an extra one dropped.",
        source="convenience",
        clauses=("SHAPE-10",),
        layer=inputs_changed(any_rank),
    )

    def cut_channels(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self.built and isinstance(inputs, np.ndarray) and inputs.ndim == 4:
            axis, count = channel_axis(self), self.kernel.shape[3]
            inputs = np.take(inputs, range(min(count, inputs.shape[axis])), axis)
        return super(self.__class__, self).__call__(inputs, *args, **kwargs)

    yield Mistake(
        id="channels_cut",
        text="Extra input channels are silently left out.",
        source="a loop over the kernel's channels",
        clauses=("SHAPE-13", "LIFE-04"),
        layer=overridden(__call__=cut_channels),
    )

    def at_least_one(_: Layer, inputs: Array, outputs: Array) -> Array:
        if inputs.size:
            return outputs
        if outputs.size:
            return np.full_like(outputs, 7)
        return np.zeros([max(n, 1) for n in outputs.shape], outputs.dtype)

    yield Mistake(
        id="never_empty",
        text="An empty input gives an output that is not empty, or not the bias.",
        source="github.com/keras-team/keras/issues/16953",
        clauses=("SHAPE-11", "SHAPE-12"),
        layer=outputs_changed(at_least_one),
    )


MISTAKES = (
    *_biases(),
    *_kernels(),
    *_roundings(),
    *_states(),
    *_specials(),
    *_activations(),
    *_shapes(),
)
