"""What each side's arguments mean: a dict of them, or their text, becomes an `Operation`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from conformance.model.lowering import Crop
from conformance.translate.activations import known_activation
from conformance.translate.operation import (
    Operation,
    Pair,
    Untranslatable,
    layer_crops,
    pair,
    whole,
)
from fast_impl.weights.layouts import LAYOUTS


def _only(arguments: Mapping[str, Any], side: str, known: Sequence[str]) -> None:
    for name in arguments:
        if name not in known:
            raise ValueError(
                f"{name}={arguments[name]!r}: no argument of {side}: it has {', '.join(known)}"
            )


def _needed(arguments: Mapping[str, Any], name: str) -> Any:
    if arguments.get(name) is None:
        raise ValueError(f"{name} is missing: the kernel's height and width")
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
    try:
        count = whole(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name}={value!r}: must be a whole number of at least 1")
    return count


def _taps(
    arguments: Mapping[str, Any], kernel: str, strides: str, dilations: str
) -> dict[str, Any]:
    """Return kernel, strides and dilations of an operation, by the other side's names."""
    return {
        "kernel": _above_zero(kernel, _needed(arguments, kernel)),
        "strides": _above_zero(strides, arguments.get(strides, 1)),
        "dilations": _above_zero(dilations, arguments.get(dilations, 1)),
    }


def layer(given: Mapping[str, Any], *, keras_3: bool = False) -> Operation:
    """Read the arguments of the page's layer, or of `Conv2DTranspose` of Keras, which mean the same."""
    import fast_impl

    space = ("strides", "padding", "data_format", "dilation_rate", "output_padding")
    arguments = dict(given)
    if arguments.pop("groups", 1) not in (1, None):
        raise ValueError(
            f"groups={given['groups']!r}: Conv2DTranspose computes without groups, whatever is said; leave it out"
        )
    _only(
        arguments,
        "Conv2DTranspose",
        ("filters", "kernel_size", *space, "use_bias", "activation"),
    )
    kernel = _above_zero("kernel_size", _needed(arguments, "kernel_size"))
    filters = _count(arguments, "filters")
    # The library knows what the layer refuses.
    try:
        made = fast_impl.Conv2DTranspose(
            1, kernel, **{name: arguments[name] for name in space if name in arguments}
        )
        strides = _above_zero("strides", made.strides)
        dilations = _above_zero("dilation_rate", made.dilation_rate)
        extra = None
        if made.output_padding is not None:
            extra = _not_below_zero("output_padding", made.output_padding)
        fast_impl.output_shape(
            (1, 1, 1, 1), (*kernel, 1, 1), strides, made.padding, dilation_rate=dilations, output_padding=extra
        )  # fmt: skip
    except ValueError:
        raise
    except Exception as error:  # TypeError, AttributeError: as the layer has them
        raise ValueError(str(error)) from None
    return Operation(
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        crops=layer_crops(kernel, strides, dilations, made.padding, extra),
        layout="NCHW" if made.data_format == "channels_first" else "NHWC",
        use_bias=bool(arguments.get("use_bias", True)),
        activation=known_activation(arguments.get("activation"), keras_3=keras_3),
        filters=filters,
    )


def keras(given: Mapping[str, Any]) -> Operation:
    """Read the arguments of Keras 3's `Conv2DTranspose`."""
    return layer(given, keras_3=True)


def torch(arguments: Mapping[str, Any]) -> Operation:
    """Read the arguments of `torch.nn.ConvTranspose2d`.

    `padding` crops both sides; `output_padding` gives back at the end.
    """
    known = (
        "in_channels", "out_channels", "kernel_size", "stride", "padding", "output_padding", "groups", "bias",
        "dilation", "padding_mode",
    )  # fmt: skip
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
        "use_consistent_padding",
    )
    _only(arguments, "jax.lax.conv_transpose (and kernel_size)", known)
    given = {name: value for name, value in arguments.items() if value is not None}
    taps = _taps(given, "kernel_size", "strides", "rhs_dilation")
    extents = [(k - 1) * d + 1 for k, d in zip(taps["kernel"], taps["dilations"])]
    padding = given.get("padding", "SAME")
    if padding in ("SAME", "VALID"):
        crops = []
        for extent, stride in zip(extents, taps["strides"]):
            # What jax.lax._conv_transpose_padding counts out.
            total = extent + stride - 2 + (max(extent - stride, 0) if padding == "VALID" else 0)
            before = extent - 1 if padding == "VALID" or stride > extent - 1 else -(-total // 2)
            crops.append(Crop(extent - 1 - before, extent - 1 - (total - before)))
    else:
        zeros = _pairs(padding)
        # With `use_consistent_padding` the pairs are a forward convolution's, and so what is cropped.
        forward = bool(given.get("use_consistent_padding", False))
        crops = [
            Crop(before, after) if forward else Crop(e - 1 - before, e - 1 - after)
            for e, (before, after) in zip(extents, zeros)
        ]
    if min(crop.before for crop in crops) < 0:
        raise Untranslatable(
            f"padding={padding!r}: puts zeros before the full result, which no layer does"
        )
    numbers = given.get("dimension_numbers", ("NHWC", "HWIO", "NHWC"))
    images, kernel, outputs = (
        map(str, numbers) if isinstance(numbers, (list, tuple)) and len(numbers) == 3 else [""] * 3
    )
    if images not in ("NHWC", "NCHW") or outputs != images or sorted(kernel) != sorted("HWIO"):
        raise ValueError(
            f"dimension_numbers={numbers!r}: only those such as ('NHWC', 'HWIO', 'NHWC') are translated: images"
            " NHWC or NCHW, of inputs and outputs alike, and the kernel in any order of HWIO"
        )
    transposed = bool(given.get("transpose_kernel", False))
    # O is the output of the convolution that a transposed kernel belongs to: the layer's channels.
    letters = str.maketrans("IO", "FC" if transposed else "CF")
    return Operation(
        **taps,
        crops=(crops[0], crops[1]),
        layout=images,
        kernel_layout=kernel.translate(letters),
        flipped=not transposed,
        use_bias=False,
    )


def _pairs(padding: Any) -> list[Pair]:
    """Return the zeros before and after, of height and width."""
    try:
        height, width = (tuple(map(operator.index, one)) for one in padding)
        (top, bottom), (left, right) = height, width
    except (TypeError, ValueError):
        raise ValueError(
            f"padding={padding!r}: must be 'SAME', 'VALID' or two pairs of whole numbers"
        ) from None
    return [(top, bottom), (left, right)]


#: What TFLite may fuse with an operation, and the activation that it is.
_FUSED = {"NONE": None, "RELU": "relu", "RELU6": "relu6", "TANH": "tanh"}


def tflite(arguments: Mapping[str, Any]) -> Operation:
    """Read the options of TFLite's TRANSPOSE_CONV, and `kernel_size`, which it sees from the weights.

    Its output has the size of the page's layer, unless `output_shape` or `output_padding` says another.
    """
    others = ("strides", "output_padding", "use_bias", "activation")
    known = (
        "kernel_size", "stride_h", "stride_w", "padding", "output_shape", "fused_activation_function", *others,
    )  # fmt: skip
    _only(arguments, "TRANSPOSE_CONV (and kernel_size)", known)
    given = dict(arguments)
    fused = given.pop("fused_activation_function", None) or "NONE"
    if fused not in _FUSED:
        raise ValueError(f"fused_activation_function={fused!r}: must be one of {', '.join(_FUSED)}")
    if fused != "NONE":
        given["activation"] = _FUSED[fused]
    sides = {name: given.pop(name) for name in ("stride_h", "stride_w") if name in given}
    if sides:
        if len(sides) != 2 or "strides" in given:
            raise ValueError("stride_h and stride_w: both are needed, without strides")
        given["strides"] = tuple(sides.values())
    if isinstance(given.get("padding"), str):
        given["padding"] = given["padding"].lower()
    shape = given.pop("output_shape", None)
    if shape is not None:
        given |= _output_padding(given, shape)
    return attrs.evolve(layer(given), kernel_layout=LAYOUTS["tflite"].axes)


#: An output shape that is told by the input's, as translations to TFLite tell it.
_LENGTHS = re.compile(
    r"\(inputs\.shape\[1\] \* (\d+)( [+-] \d+)?, inputs\.shape\[2\] \* (\d+)( [+-] \d+)?\)"
)


def _output_padding(given: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    """Return the layer's argument that makes this output shape; nothing where none is needed."""
    plain = layer(given)
    found = _LENGTHS.fullmatch(str(shape))
    if found is None or (int(found[1]), int(found[3])) != plain.strides:
        raise ValueError(
            f"output_shape={shape!r}: is of one input's size; leave it out, or say the output_padding= that makes"
            " it (--size and --wanted find it)"
        )
    wanted = tuple(int((more or "0").replace(" ", "")) for more in (found[2], found[4]))
    sizes = list(zip(plain.extents, plain.strides, plain.crops))
    if wanted == tuple(e - s - crop.before - crop.after for e, s, crop in sizes):
        return {}
    same = given.get("padding", "valid") == "same"
    extra = (w + s - e + (2 * (e // 2) if same else 0) for w, (e, s, _) in zip(wanted, sizes))
    return {"output_padding": tuple(extra)}


READERS: Mapping[str, Callable[[Mapping[str, Any]], Operation]] = {
    "layer": layer,
    "torch": torch,
    "onnx": onnx,
    "jax": jax,
    "tf.keras": layer,
    "keras": keras,
    "tflite": tflite,
}
