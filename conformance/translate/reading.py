"""What each side's arguments mean: a dict of them, or their text, becomes an `Operation`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from conformance.model.lowering import Crop
from conformance.translate.operation import Operation, Pair, Untranslatable, layer_crops, pair
from fast_impl.weights.layouts import LAYOUTS

#: The arguments of each side that may be given by place, in order.
_PLACES = {
    "layer": ("filters", "kernel_size", "strides", "padding", "data_format"),
    "torch": (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias",
        "dilation",
    ),
}  # fmt: skip
#: Arguments of a Keras layer that say nothing about its numbers once the weights are there.
_ASIDE = (
    "name", "trainable", "dtype", "batch_input_shape", "build_config", "input_shape", "kernel_initializer",
    "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer", "kernel_constraint",
    "bias_constraint", "_reuse", "_scope",
)  # fmt: skip


def arguments_of(given: Any, side: str) -> dict[str, Any]:
    """Return the arguments that somebody gives: a dict, a layer with `get_config`, or a text.

    Args:
        given: such as ``{"kernel_size": 3}``, ``'kernel_size=3, strides=2'`` or ``'ConvTranspose2d(8, 4, 3)'``.
        side: whose arguments they are.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if callable(getattr(given, "get_config", None)):
        return dict(given.get_config())
    if not isinstance(given, str):
        raise ValueError(
            f"arguments={given!r}: must be a dict, a text such as 'kernel_size=3', or a layer with get_config()"
        )
    text = given.strip()
    try:
        call = ast.parse(
            text if text.endswith(")") and "(" in text.split("=")[0] else f"f({text})", mode="eval"
        ).body
        if not isinstance(call, ast.Call):
            raise ValueError("it is no call")
        by_place = [ast.literal_eval(value) for value in call.args]
        named = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"arguments={given!r}: cannot be read ({error}); write them like 'kernel_size=3, strides=2'"
        ) from None
    places = _PLACES.get("layer" if "keras" in side else side, ())
    if len(by_place) > len(places):
        raise ValueError(f"arguments={given!r}: more arguments by place than {len(places)}")
    return {**dict(zip(places, by_place)), **named}


def _only(arguments: Mapping[str, Any], side: str, known: Sequence[str]) -> None:
    for name in arguments:
        if name not in known:
            raise ValueError(
                f"{name}={arguments[name]!r}: no argument of {side}: it has {', '.join(known)}"
            )


def _needed(arguments: Mapping[str, Any], name: str) -> Any:
    if name not in arguments:
        raise ValueError(f"{name} is missing")
    return arguments[name]


def _above_zero(name: str, value: Any) -> Pair:
    found = pair(name, value)
    if min(found) < 1:
        raise ValueError(f"{name}={value!r}: must be at least 1")
    return found


def _not_below_zero(name: str, value: Any) -> Pair:
    found = pair(name, value)
    if min(found) < 0:
        raise ValueError(f"{name}={value!r}: must not be below 0")
    return found


def _count(arguments: Mapping[str, Any], name: str) -> int | None:
    value = arguments.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}={value!r}: must be a whole number of at least 1")
    return value


def _taps(
    arguments: Mapping[str, Any], kernel: str, strides: str, dilations: str
) -> dict[str, Any]:
    """Return kernel, strides and dilations of an operation, by the other side's names."""
    return {
        "kernel": _above_zero(kernel, _needed(arguments, kernel)),
        "strides": _above_zero(strides, arguments.get(strides, 1)),
        "dilations": _above_zero(dilations, arguments.get(dilations, 1)),
    }


def layer(given: Mapping[str, Any]) -> Operation:
    """Read the arguments of the page's layer, or of `Conv2DTranspose` of Keras, which mean the same."""
    import fast_impl

    known = (
        "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "output_padding",
        "use_bias", "activation",
    )  # fmt: skip
    arguments = {name: value for name, value in given.items() if name not in _ASIDE}
    groups = arguments.pop("groups", 1)
    if groups != 1:
        raise ValueError(f"groups={groups!r}: Conv2DTranspose has none")
    _only(arguments, "Conv2DTranspose", known)
    kernel = _above_zero("kernel_size", _needed(arguments, "kernel_size"))
    activation = arguments.get("activation")
    if callable(activation):
        activation = getattr(activation, "__name__", None)
    if activation is not None and not isinstance(activation, str):
        raise ValueError(
            f"activation={arguments['activation']!r}: must be a name, a function or None"
        )
    # The library knows what the layer refuses.
    space = {
        k: v
        for k, v in arguments.items()
        if k not in ("filters", "activation", "kernel_size", "use_bias")
    }
    made = fast_impl.Conv2DTranspose(_count(arguments, "filters") or 1, kernel, **space)
    extra = made.output_padding
    fast_impl.output_shape(
        (1, 1, 1, 1), (*kernel, 1, 1), made.strides, made.padding,
        dilation_rate=made.dilation_rate, output_padding=extra,
    )  # fmt: skip
    strides, dilations = pair("strides", made.strides), pair("dilation_rate", made.dilation_rate)
    output_padding = None if extra is None else pair("output_padding", extra)
    return Operation(
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        crops=layer_crops(kernel, strides, dilations, made.padding, output_padding),
        layout="NCHW" if made.data_format == "channels_first" else "NHWC",
        use_bias=bool(arguments.get("use_bias", True)),
        activation=None if activation == "linear" else activation,
        filters=_count(arguments, "filters"),
    )


def torch(arguments: Mapping[str, Any]) -> Operation:
    """Read the arguments of `torch.nn.ConvTranspose2d`.

    `padding` crops both sides; `output_padding` gives back at the end.
    """
    known = (*_PLACES["torch"], "padding_mode", "device", "dtype")
    _only(arguments, "torch.nn.ConvTranspose2d", known)
    if arguments.get("padding_mode", "zeros") != "zeros":
        raise ValueError(
            f"padding_mode={arguments['padding_mode']!r}: ConvTranspose2d has zeros alone"
        )
    taps = _taps(arguments, "kernel_size", "stride", "dilation")
    strides, dilations = taps["strides"], taps["dilations"]
    padding = _not_below_zero("padding", arguments.get("padding", 0))
    extra = _not_below_zero("output_padding", arguments.get("output_padding", 0))
    for n in range(2):
        if extra[n] >= max(strides[n], dilations[n]):
            raise ValueError(
                f"output_padding={extra[n]}: must be smaller than either stride {strides[n]}"
                f" or dilation {dilations[n]}"
            )
    groups = _count(arguments, "groups") or 1
    for name in ("in_channels", "out_channels"):
        if (_count(arguments, name) or groups) % groups:
            raise ValueError(f"{name}={arguments[name]}: must be divisible by groups={groups}")
    height, width = (Crop(p, p - e) for p, e in zip(padding, extra))
    return Operation(
        **taps,
        crops=(height, width),
        layout="NCHW",
        kernel_layout=LAYOUTS["torch"].axes,
        use_bias=bool(arguments.get("bias", True)),
        groups=groups,
        filters=_count(arguments, "out_channels"),
        channels=_count(arguments, "in_channels"),
    )


def onnx(arguments: Mapping[str, Any]) -> Operation:
    """Read the attributes of ONNX's `ConvTranspose` (operator set 11 and later)."""
    known = (
        "kernel_shape", "strides", "pads", "output_padding", "dilations", "auto_pad", "group", "output_shape",
    )  # fmt: skip
    _only(arguments, "ConvTranspose", known)
    if arguments.get("output_shape") is not None:
        raise ValueError("output_shape: is of one input's size; give the pads that it leads to")
    taps = _taps(arguments, "kernel_shape", "strides", "dilations")
    extra = _not_below_zero("output_padding", arguments.get("output_padding", 0))
    auto = arguments.get("auto_pad", "NOTSET")
    if isinstance(auto, bytes):
        auto = auto.decode()
    extents = [(k - 1) * d + 1 for k, d in zip(taps["kernel"], taps["dilations"])]
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = []
        for extent, stride, more in zip(extents, taps["strides"], extra):
            total = extent + more - stride
            if total < 0:
                raise Untranslatable(
                    f"auto_pad={auto!r} with a kernel extent of {extent} below the stride {stride}: the standard"
                    " does not say where the missing rows go, and runtimes differ; give pads and output_padding"
                )
            half = total // 2 if auto == "SAME_UPPER" else total - total // 2
            pads.append((half, total - half))
    elif auto in ("NOTSET", "VALID"):
        given = arguments.get("pads") if auto == "NOTSET" else None
        flat = [0, 0, 0, 0] if given is None else [*given]
        if len(flat) != 4 or not all(isinstance(n, int) and n >= 0 for n in flat):
            raise ValueError(
                f"pads={given!r}: must be four whole numbers of at least 0: top, left, bottom, right"
            )
        pads = [(flat[0], flat[2]), (flat[1], flat[3])]
    else:
        raise ValueError(f"auto_pad={auto!r}: must be NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    height, width = (Crop(before, after - more) for (before, after), more in zip(pads, extra))
    return Operation(
        **taps,
        crops=(height, width),
        layout="NCHW",
        kernel_layout=LAYOUTS["onnx"].axes,
        groups=_count(arguments, "group") or 1,
    )


def jax(arguments: Mapping[str, Any]) -> Operation:
    """Read the arguments of `jax.lax.conv_transpose`, and `kernel_size`, which it sees from the kernel.

    Without `transpose_kernel` the kernel lies turned, its channels before its filters.
    """
    known = (
        "kernel_size",
        "strides",
        "padding",
        "rhs_dilation",
        "dimension_numbers",
        "transpose_kernel",
    )
    _only(arguments, "jax.lax.conv_transpose (and kernel_size)", known)
    given = {name: value for name, value in arguments.items() if value is not None}
    taps = _taps(given, "kernel_size", "strides", "rhs_dilation")
    extents = [(k - 1) * d + 1 for k, d in zip(taps["kernel"], taps["dilations"])]
    padding = arguments.get("padding", "SAME")
    if padding in ("SAME", "VALID"):
        crops = []
        for extent, stride in zip(extents, taps["strides"]):
            # What jax.lax._conv_transpose_padding counts out.
            total = extent + stride - 2 + (max(extent - stride, 0) if padding == "VALID" else 0)
            before = extent - 1 if padding == "VALID" or stride > extent - 1 else -(-total // 2)
            crops.append(Crop(extent - 1 - before, extent - 1 - (total - before)))
    elif isinstance(padding, str):
        raise ValueError(f"padding={padding!r}: must be 'SAME', 'VALID' or two pairs")
    else:
        zeros = [pair("padding", one) for one in padding]
        if len(zeros) != 2:
            raise ValueError(f"padding={padding!r}: must be 'SAME', 'VALID' or two pairs")
        crops = [Crop(e - 1 - before, e - 1 - after) for e, (before, after) in zip(extents, zeros)]
    if min(crop.before for crop in crops) < 0:
        raise Untranslatable(
            f"padding={padding!r}: puts zeros before the full result, which no layer does"
        )
    numbers = arguments.get("dimension_numbers") or ("NHWC", "HWIO", "NHWC")
    if (
        len(numbers) != 3
        or numbers[0] not in ("NHWC", "NCHW")
        or numbers[2] != numbers[0]
        or numbers[1] != "HWIO"
    ):
        raise ValueError(
            f"dimension_numbers={numbers!r}: only ('NHWC', 'HWIO', 'NHWC') and NCHW are translated"
        )
    transposed = bool(arguments.get("transpose_kernel", False))
    return Operation(
        **taps,
        crops=(crops[0], crops[1]),
        layout=numbers[0],
        kernel_layout=LAYOUTS["layer" if transposed else "jax"].axes,
        flipped=not transposed,
        use_bias=False,
    )


def tflite(arguments: Mapping[str, Any]) -> Operation:
    """Read the options of TFLite's TRANSPOSE_CONV, whose output has the size of the page's layer.

    `kernel_size` is seen from the weights, and `output_padding` says which other size is wanted.
    """
    known = (
        "kernel_size",
        "strides",
        "padding",
        "output_padding",
        "use_bias",
        "fused_activation_function",
    )
    _only(arguments, "TRANSPOSE_CONV (and kernel_size, output_padding)", known)
    renamed = {
        name: value for name, value in arguments.items() if name != "fused_activation_function"
    }
    if isinstance(renamed.get("padding"), str):
        renamed["padding"] = renamed["padding"].lower()
    fused = str(arguments.get("fused_activation_function", "NONE")).lower()
    found = layer({**renamed, "activation": None if fused == "none" else fused})
    return attrs.evolve(found, kernel_layout=LAYOUTS["tflite"].axes)


READERS: Mapping[str, Callable[[Mapping[str, Any]], Operation]] = {
    "layer": layer,
    "torch": torch,
    "onnx": onnx,
    "jax": jax,
    "tf.keras": layer,
    "keras": layer,
    "tflite": tflite,
}
