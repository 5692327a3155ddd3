"""What an operation is on each side: the arguments there, what must be added, and code that runs as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from conformance.model.lowering import output_padding, pads
from conformance.translate import reading
from conformance.translate.activations import OF_THE_LAST_AXIS, name_in_keras
from conformance.translate.operation import Operation, layer_crops
from conformance.translate.programs import (
    JAX,
    KERAS,
    NOTHING,
    NUMPY,
    TENSORFLOW,
    TORCH,
    Call,
    Idiom,
    Rest,
    named,
    onnx_program,
    program,
    takes_bias,
    tflite_program,
)
from fast_impl.weights.layouts import LAYOUTS


@attrs.frozen
class Written:
    """One side's own operation, and what surrounds it.

    Args:
        name: the other side's name of the operation.
        arguments: its arguments, by their names there.
        call: what it wants, and what its result must still lose or get.
        code: a complete program that defines the function, or the model.
        steps: why the arguments do not say all about space, in sentences.
    """

    name: str
    arguments: Mapping[str, Any]
    call: Call
    code: str
    steps: tuple[str, ...] = ()


def layer_arguments(operation: Operation) -> dict[str, Any] | None:
    """Return the arguments of the page's layer that say all about space; None where there are none."""
    k, s, d = operation.kernel, operation.strides, operation.dilations
    if d[0] != d[1] or (max(s) > 1 and max(d) > 1):
        return None
    extents = operation.extents
    for padding in ("valid", "same"):
        extra = tuple(
            (2 * (extent // 2) if padding == "same" else 0) - crop.before - crop.after
            for extent, crop in zip(extents, operation.crops)
        )
        given = all(
            0 <= q < stride and (padding == "valid" or q + extent % 2 >= 1)
            for q, stride, extent in zip(extra, s, extents)
        )
        for more in (None, (extra[0], extra[1])):
            if more is not None and not given:
                continue
            if layer_crops(k, s, d, padding, more) == operation.crops:
                found: dict[str, Any] = {"kernel_size": k, "strides": s, "padding": padding}
                found |= {"dilation_rate": d} if max(d) > 1 else {}
                found |= {} if more is None else {"output_padding": more}
                return found
    return None


def _layer(
    operation: Operation,
) -> tuple[dict[str, Any], Operation, tuple[Rest, Rest], tuple[str, ...]]:
    """Return the layer's arguments, the operation without a dilation that it lacks, what is left, and why."""
    steps = []
    if operation.dilations[0] != operation.dilations[1]:
        steps.append(
            "the layer takes one dilation for both axes: zeros are put between the taps instead"
        )
    elif max(operation.strides) > 1 and max(operation.dilations) > 1:
        steps.append(
            "the layer takes strides or a dilation, not both: zeros are put between the taps instead"
        )
    if steps:
        operation = operation.undilated
    found = layer_arguments(operation)
    if found is not None:
        return found, operation, (NOTHING, NOTHING), tuple(steps)
    k, s, d = operation.kernel, operation.strides, operation.dilations
    arguments: dict[str, Any] = {"kernel_size": k, "strides": s, "padding": "valid"}
    arguments |= {"dilation_rate": d} if max(d) > 1 else {}
    own = layer_crops(k, s, d, "valid", None)
    rests = [
        (want.before, max(want.after - have.after, 0), max(have.after - want.after, 0))
        for want, have in zip(operation.crops, own)
    ]
    told = " and ".join(
        f"{axis} {crop.before} before and {crop.after} after"
        for axis, crop in zip(("height", "width"), operation.crops)
    )
    same = layer_crops(k, s, d, "same", None)
    instead = " and ".join(
        f"{axis} {crop.before} and {crop.after}" for axis, crop in zip(("height", "width"), same)
    )
    steps.append(
        f"no padding of the layer crops the full result by {told}: 'same' crops {instead}, so 'valid' is cropped"
    )
    return arguments, operation, (rests[0], rests[1]), tuple(steps)


def _filters(operation: Operation) -> dict[str, Any]:
    return {} if operation.filters is None else {"filters": operation.filters}


def layer(operation: Operation) -> Written:
    """The page's layer; its code is a call of `fast_impl`."""
    arguments, plain, rests, steps = _layer(operation)
    words = {name: value for name, value in arguments.items() if name != "kernel_size"}
    if operation.layout == "NCHW":
        words["data_format"] = "channels_first"
    bias = "bias=bias, " if takes_bias(operation, rests) else ""
    call = Call(
        f"outputs = fast_impl.conv2d_transpose(\n    inputs, kernel, {bias}{named(words)}\n)",
        operation.layout,
        adds_bias=bool(bias),
        rests=rests,
        is_spread=plain is not operation,
    )
    return Written(
        "Conv2DTranspose",
        {**_filters(operation), **arguments, **_common(operation, call, keras_3=False)},
        call,
        program(operation, NUMPY, call),
        steps,
    )


def _common(operation: Operation, call: Call, *, keras_3: bool) -> dict[str, Any]:
    """Return what else the layer is told; what it cannot be told is done after it."""
    given: dict[str, Any] = {} if call.adds_bias else {"use_bias": False}
    if call.layout == "NCHW":
        given["data_format"] = "channels_first"
    name = operation.activation
    if name is None or (name in OF_THE_LAST_AXIS and call.layout != operation.layout):
        return given
    known = name_in_keras(name, keras_3=keras_3)
    return given if known is None else {**given, "activation": known}


def torch(operation: Operation) -> Written:
    """PyTorch: `padding` crops both sides, `output_padding` less at the end; what is left is cut off."""
    padding, extra, rests = [], [], []
    needing: dict[str, list[str]] = {}
    for name, crop, stride, dilation in zip(
        ("height", "width"), operation.crops, operation.strides, operation.dilations
    ):
        back = crop.before - crop.after
        own, more, rest = crop.before, 0, NOTHING
        if 0 <= back < max(stride, dilation):
            more = back
        elif back < 0:
            rest = (0, -back, 0)
        elif crop.after >= 0:
            own, rest = crop.after, (back, 0, 0)
        else:
            own, rest = 0, (crop.before, 0, -crop.after)
        if rest != NOTHING:
            reason = (
                f"PyTorch's padding crops as much after as before, less an output_padding below"
                f" {max(stride, dilation)}: not {crop.before} before and {crop.after} after, as"
            )
            needing.setdefault(reason, []).append(name)
        padding.append(own)
        extra.append(more)
        rests.append(rest)
    left = (rests[0], rests[1])
    steps = tuple(
        f"{reason} {' and '.join(names)} need{'' if names[1:] else 's'}"
        for reason, names in needing.items()
    )
    space = {
        "stride": operation.strides, "padding": (padding[0], padding[1]), "output_padding": (extra[0], extra[1]),
        "dilation": operation.dilations, "groups": operation.groups,
    }  # fmt: skip
    space = _said(space)
    bias = "bias" if operation.use_bias and not any(zeros for *_, zeros in left) else "None"
    words = f", {named(space)}" if space else ""
    call = Call(
        f"outputs = functional.conv_transpose2d(\n    inputs, kernel, {bias}{words}\n)",
        "NCHW",
        LAYOUTS["torch"].axes,
        adds_bias=bias == "bias",
        takes_groups=True,
        rests=left,
    )
    known = {"in_channels": operation.channels, "out_channels": operation.filters}
    return Written(
        "torch.nn.ConvTranspose2d",
        {
            **{name: value for name, value in known.items() if value is not None},
            "kernel_size": operation.kernel,
            **space,
            **({} if call.adds_bias else {"bias": False}),
        },
        call,
        program(operation, TORCH, call),
        steps,
    )


def jax(operation: Operation) -> Written:
    """JAX: zeros around the dilated input, counted out, or its words where they say the same."""
    zeros = tuple(
        (extent - 1 - crop.before, extent - 1 - crop.after)
        for extent, crop in zip(operation.extents, operation.crops)
    )
    space: dict[str, Any] = {"strides": operation.strides, "padding": zeros}
    if max(operation.dilations) > 1:
        space["rhs_dilation"] = operation.dilations
    for word in ("VALID", "SAME"):
        said = reading.jax({"kernel_size": operation.kernel, **space, "padding": word})
        if said.crops == operation.crops:
            space["padding"] = word
            break
    space |= {
        "dimension_numbers": (operation.layout, "HWIO", operation.layout),
        "transpose_kernel": True,
    }
    text = f"outputs = jax.lax.conv_transpose(\n    inputs, kernel, {named(space)}\n)"
    call = Call(text, operation.layout)
    return Written("jax.lax.conv_transpose", space, call, program(operation, JAX, call))


def onnx(operation: Operation) -> Written:
    """ONNX: `pads` for what is cropped, `output_padding` for what is appended."""
    cut = operation.crops
    extra, rests = output_padding(cut), (NOTHING, NOTHING)
    steps: tuple[str, ...] = ()
    if any(more >= stride for more, stride in zip(extra, operation.strides)):
        rests = ((0, 0, extra[0]), (0, 0, extra[1]))
        steps = (f"runtimes take an output_padding below the stride, not {extra}: a Pad follows",)
        extra = (0, 0)
    words: dict[str, Any] = {
        "kernel_shape": operation.kernel, "strides": operation.strides, "pads": pads(cut),
        "output_padding": extra, "dilations": operation.dilations, "group": operation.groups,
    }  # fmt: skip
    words = _said(words)
    call = Call("", "NCHW", LAYOUTS["onnx"].axes, adds_bias=True, takes_groups=True, rests=rests)
    code = onnx_program(operation, words, (rests[0][2], rests[1][2]))
    return Written("ConvTranspose", words, call, code, steps)


def tf_keras(operation: Operation) -> Written:
    """Keras 2: the page's layer under another name; images lie channels last, which works on every device."""
    return _of_keras(operation, TENSORFLOW, "tf.keras")


def keras(operation: Operation) -> Written:
    """Keras 3, whose layer takes the same arguments."""
    return _of_keras(operation, KERAS, "keras")


def _of_keras(operation: Operation, idiom: Idiom, name: str) -> Written:
    arguments, plain, rests, steps = _layer(operation)
    bias = takes_bias(operation, rests)
    has_bias = "bias is not None" if bias else "False"
    lines = (
        f"layer = {name}.layers.Conv2DTranspose(\n"
        f"    kernel.shape[2], {named(arguments)}, use_bias={has_bias}\n)",
        "layer.build(inputs.shape)",
        f"layer.set_weights({'[kernel] if bias is None else [kernel, bias]' if bias else '[kernel]'})",
        "outputs = layer(inputs)",
    )
    call = Call(
        "\n".join(lines),
        "NHWC",
        adds_bias=bias,
        rests=rests,
        is_spread=plain is not operation,
    )
    more = _common(operation, call, keras_3=idiom is KERAS)
    own = {**_filters(operation), **arguments, **more}
    code = program(operation, idiom, call)
    return Written(f"{name}.layers.Conv2DTranspose", own, call, code, steps)


def tflite(operation: Operation) -> Written:
    """TFLite: TRANSPOSE_CONV has no dilation, and is told the size of its output."""
    steps: tuple[str, ...] = ()
    if max(operation.dilations) > 1:
        steps = ("TRANSPOSE_CONV has no dilation: zeros are put between the taps instead",)
    arguments, _, rests, more = _layer(operation.undilated)
    size = [_size(n, arguments, operation) for n in range(2)]
    word = arguments["padding"].upper()
    height, width = operation.strides
    shape = f"[inputs.shape[0], {size[0]}, {size[1]}, kernel.shape[2]]"
    call = Call(
        f"outputs = tf.nn.conv2d_transpose(\n    inputs, kernel, {shape}, ({height}, {width}), {word!r}\n)",
        "NHWC",
        rests=rests,
        is_spread=max(operation.dilations) > 1,
    )
    options = {
        "padding": word,
        "stride_h": height,
        "stride_w": width,
        "output_shape": f"({', '.join(size)})",
    }
    code = tflite_program(program(operation, TENSORFLOW, call))
    call = attrs.evolve(call, kernel_layout=LAYOUTS["tflite"].axes)
    return Written("TRANSPOSE_CONV", options, call, code, (*steps, *more))


def _size(axis: int, arguments: Mapping[str, Any], operation: Operation) -> str:
    """Return the output's length as a formula of the input's."""
    extra = arguments.get("output_padding")
    crop = layer_crops(
        arguments["kernel_size"], operation.strides, (1, 1), arguments["padding"], extra
    )[axis]
    stride = operation.strides[axis]
    more = operation.extents[axis] - crop.before - crop.after - stride
    sign = f" {'+' if more > 0 else '-'} {abs(more)}" if more else ""
    return f"inputs.shape[{axis + 1}] * {stride}{sign}"


#: What need not be said.
_DEFAULTS = {
    "stride": (1, 1), "strides": (1, 1), "dilation": (1, 1), "dilations": (1, 1), "padding": (0, 0), "groups": 1,
    "group": 1, "output_padding": (0, 0), "pads": (0, 0, 0, 0),
}  # fmt: skip


def _said(words: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in words.items() if _DEFAULTS.get(name) != value}


WRITERS: Mapping[str, Callable[[Operation], Written]] = {
    "layer": layer,
    "torch": torch,
    "onnx": onnx,
    "jax": jax,
    "tf.keras": tf_keras,
    "keras": keras,
    "tflite": tflite,
}
