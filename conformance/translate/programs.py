"""Programs that compute an operation on one side, as texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from conformance.translate import activations
from conformance.translate.operation import KERNEL, Operation, Pair, order
from fast_impl.weights.layouts import LAYOUTS

#: What an axis of a result must still lose at the front and at the back, and how many zeros it must get.
Rest = tuple[int, int, int]
NOTHING: Rest = (0, 0, 0)


@attrs.frozen
class Idiom:
    """How arrays are handled in one library; texts with places for what they are about."""

    imports: str
    transpose: str
    flip: str
    pad: str
    zeros: str
    split: str
    join: str
    activations: Mapping[str, str]
    named_activation: str | None = None
    has_arrays_for_weights: bool = False


NUMPY = Idiom(
    imports="import numpy as np\n\nimport fast_impl",
    transpose="np.transpose({x}, {axes})",
    flip="np.flip({x}, {axes})",
    pad="np.pad({x}, {widths})",
    zeros="np.zeros({shape}, kernel.dtype)",
    split="np.split({x}, {parts}, {axis})",
    join="np.concatenate({x}, {axis})",
    activations=activations.NUMPY,
    named_activation="fast_impl.activations.get({name!r})(outputs)",
)
TORCH = Idiom(
    imports="import torch\nfrom torch.nn import functional",
    transpose="{x}.permute({axes})",
    flip="{x}.flip({axes})",
    pad="functional.pad({x}, {reversed_widths})",
    zeros="kernel.new_zeros({shape})",
    split="{x}.chunk({parts}, {axis})",
    join="torch.cat({x}, {axis})",
    activations=activations.TORCH,
)
JAX = attrs.evolve(
    NUMPY,
    imports="import jax\nimport jax.numpy as np",
    activations=activations.JAX,
    named_activation=None,
)
TENSORFLOW = Idiom(
    imports="import numpy as np\nimport tensorflow as tf",
    transpose="tf.transpose({x}, {axes})",
    flip="tf.reverse({x}, {axes})",
    pad="tf.pad({x}, {widths})",
    zeros="np.zeros({shape}, kernel.dtype)",
    split="tf.split({x}, {parts}, {axis})",
    join="tf.concat({x}, {axis})",
    activations=activations.TENSORFLOW,
    has_arrays_for_weights=True,
)
KERAS = attrs.evolve(
    TENSORFLOW,
    imports="import keras\nimport numpy as np",
    transpose="keras.ops.transpose({x}, {axes})",
    flip="keras.ops.flip({x}, {axes})",
    pad="keras.ops.pad({x}, {widths})",
    split="keras.ops.split({x}, {parts}, {axis})",
    join="keras.ops.concatenate({x}, {axis})",
    activations=activations.KERAS,
)


def named(words: Mapping[str, Any]) -> str:
    """Write arguments by name."""
    return ", ".join(f"{name}={value!r}" for name, value in words.items())


@attrs.frozen
class Call:
    """The other side's own operation in a program.

    Args:
        text: lines that make `outputs` of `inputs`, `kernel` and, where it is added there, `bias`.
        layout, kernel_layout: the axes that it wants.
        adds_bias: whether it adds the bias.
        takes_groups: whether it divides the channels itself.
        rests: what height and width of `outputs` must still lose or get.
        is_spread: whether zeros stand between the kernel's taps instead of a dilation.
    """

    text: str
    layout: str
    kernel_layout: str = KERNEL
    adds_bias: bool = False
    takes_groups: bool = False
    rests: tuple[Rest, Rest] = (NOTHING, NOTHING)
    is_spread: bool = False


def takes_bias(operation: Operation, rests: tuple[Rest, Rest]) -> bool:
    """Tell whether the other side may add the bias: what is appended afterwards has it, too."""
    return operation.use_bias and operation.groups == 1 and not any(zeros for *_, zeros in rests)


def _pads(layout: str, rests: tuple[Rest, Rest]) -> str:
    widths = dict(zip("HW", ((0, zeros) for *_, zeros in rests)))
    return "[" + ", ".join(str(list(widths.get(letter, (0, 0)))) for letter in layout) + "]"


def _slices(layout: str, rests: tuple[Rest, Rest]) -> str:
    cut = {
        letter: f"{front or ''}:{-back if back else ''}"
        for letter, (front, back, _) in zip("HW", rests)
    }
    return ", ".join(cut.get(letter, ":") for letter in layout)


def program(operation: Operation, idiom: Idiom, call: Call) -> str:
    """Return a program that defines `conv2d_transpose(inputs, kernel, bias=None)` on the source's own arrays."""
    layout = call.layout
    weights = NUMPY if idiom.has_arrays_for_weights else idiom
    linear = [
        *_kernel_lines(operation, weights, call.kernel_layout, dilate=call.is_spread),
        *_moved("inputs", operation.layout, layout, idiom),
        *call.text.splitlines(),
        *_rest_lines(call, idiom),
    ]
    back = [*_moved("outputs", layout, operation.layout, idiom)]
    active = [*_activated(operation, idiom), "return outputs"]
    has_bias = operation.use_bias and not call.adds_bias
    lines = [idiom.imports, "", ""]
    head = ["def conv2d_transpose(inputs, kernel, bias=None):", f'    """{_doc(operation)}"""']
    if operation.groups == 1 or call.takes_groups:
        bias = _bias_lines(layout) if has_bias else []
        return "\n".join([*lines, *head, *_indented([*linear, *bias, *back, *active]), ""])
    # Each part of the channels has filters of its own.
    axes = operation.layout.index("C"), operation.kernel_layout.index("C")
    images, kernels = (
        by.split.format(x=name, parts=operation.groups, axis=axis)
        for by, name, axis in zip((idiom, weights), ("inputs", "kernel"), axes)
    )
    whole = [
        f"parts = zip({images}, {kernels})",
        "outputs = " + idiom.join.format(x="[one_group(*part) for part in parts]", axis=axes[0]),
        *(_bias_lines(operation.layout) if has_bias else []),
        *active,
    ]
    one = ["def one_group(inputs, kernel):", '    """The filters of one part of the channels."""']
    lines += [
        *one,
        *_indented([*linear, *back, "return outputs"]),
        "",
        "",
        *head,
        *_indented(whole),
        "",
    ]
    return "\n".join(lines)


def _bias_lines(layout: str) -> list[str]:
    shaped = "bias[:, None, None]" if layout == "NCHW" else "bias"
    return ["if bias is not None:", f"    outputs = outputs + {shaped}"]


def _rest_lines(call: Call, idiom: Idiom) -> Iterator[str]:
    """Crop, and append zeros."""
    layout, rests = call.layout, call.rests
    if any(rest[:2] != (0, 0) for rest in rests):
        yield f"outputs = outputs[{_slices(layout, rests)}]"
    if any(zeros for *_, zeros in rests):
        (*_, height), (*_, width) = rests
        # PyTorch tells widths from the last axis on.
        backwards = (0, width, 0, height) if layout == "NCHW" else (0, 0, 0, width, 0, height)
        yield "outputs = " + idiom.pad.format(
            x="outputs", widths=_pads(layout, rests), reversed_widths=backwards
        )


def _doc(operation: Operation) -> str:
    return (
        f"inputs and outputs: {', '.join(operation.layout)}; kernel: "
        + ", ".join(
            {"H": "height", "W": "width", "F": "filters", "C": "channels"}[c]
            for c in operation.kernel_layout
        )
        + "."
    )


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _moved(name: str, source: str, target: str, idiom: Idiom) -> Iterator[str]:
    if source != target:
        yield f"{name} = " + idiom.transpose.format(x=name, axes=order(source, target))


def _kernel_lines(
    operation: Operation, idiom: Idiom, layout: str, *, dilate: bool
) -> Iterator[str]:
    if operation.flipped:
        axes = tuple(operation.kernel_layout.index(letter) for letter in "HW")
        yield "kernel = " + idiom.flip.format(x="kernel", axes=axes)
    yield from _moved("kernel", operation.kernel_layout, layout, idiom)
    if dilate:
        shape = [f"kernel.shape[{n}]" for n in range(4)]
        cut = [":"] * 4
        for letter, extent, dilation in zip("HW", operation.extents, operation.dilations):
            shape[layout.index(letter)], cut[layout.index(letter)] = str(extent), f"::{dilation}"
        yield "spread = " + idiom.zeros.format(shape=f"({', '.join(shape)})")
        if "jax" in idiom.imports:
            yield f"kernel = spread.at[{', '.join(cut)}].set(kernel)"
        else:
            yield f"spread[{', '.join(cut)}] = kernel"
            yield "kernel = spread"


def _activated(operation: Operation, idiom: Idiom) -> Iterator[str]:
    name = operation.activation
    if name is None:
        return
    if name in idiom.activations:
        yield f"outputs = {idiom.activations[name]}"
    elif idiom.named_activation:
        yield f"outputs = {idiom.named_activation.format(name=name)}"
    else:
        yield f"raise NotImplementedError('put the activation {name} here')"


def onnx_program(operation: Operation, words: Mapping[str, Any], zeros: Pair) -> str:
    """Return a program that defines `model(kernel, bias=None)`, a model of the inputs alone.

    Args:
        operation: what it computes.
        words: the attributes of its `ConvTranspose`.
        zeros: how many rows and columns a `Pad` appends; the bias is then added after it.
    """
    padded = any(zeros)
    lines = [
        "import numpy as np", "import onnx", "from onnx import helper, numpy_helper", "", "",
        "def model(kernel, bias=None):",
        f'    """{_doc(operation)}"""',
        *_indented([*_kernel_lines(operation, NUMPY, LAYOUTS["onnx"].axes, dilate=False)]),
        '    weights = [numpy_helper.from_array(np.ascontiguousarray(kernel), "kernel")]',
    ]  # fmt: skip
    operands = ["inputs", "kernel"]
    if operation.use_bias:
        array = "bias[:, None, None]" if padded else "bias"
        lines += [
            "    if bias is not None:",
            f'        weights.append(numpy_helper.from_array({array}, "bias"))',
        ]
    lines += ["    nodes = []"]
    turned = operation.layout == "NHWC"
    if turned:
        lines.append(
            '    nodes.append(helper.make_node("Transpose", ["inputs"], ["images"], perm=[0, 3, 1, 2]))'
        )
        operands[0] = "images"
    names = str(operands).replace("'", '"')
    if operation.use_bias and not padded:
        names += " + [w.name for w in weights[1:]]"
    lines += [
        "    nodes.append(",
        f'        helper.make_node("ConvTranspose", {names}, ["result"], {named(words)})',
        "    )",
    ]
    last = '"result"'
    if padded:
        lines += [
            f'    weights.append(numpy_helper.from_array(np.array({[0] * 6 + [*zeros]}), "zeros"))',
            '    nodes.append(helper.make_node("Pad", ["result", "zeros"], ["padded"]))',
        ]
        last = '"padded"'
        if operation.use_bias:
            lines += [
                '    last = "padded"',
                "    if bias is not None:",
                '        nodes.append(helper.make_node("Add", ["padded", "bias"], ["sum"]))',
                '        last = "sum"',
            ]
            last = "last"
    ending = '"Transpose"' if turned else '"Identity"'
    order_back = ", perm=[0, 2, 3, 1]" if turned else ""
    active = [*_onnx_activation(operation.activation)]
    ends = "sum of products" if active else "outputs"
    lines.append(f'    nodes.append(helper.make_node({ending}, [{last}], ["{ends}"]{order_back}))')
    lines += active
    shape, sizes = (
        str([letter + more for letter in operation.layout]).replace("'", '"')
        for more in ("", "_out")
    )
    lines += [
        "    kind = helper.np_dtype_to_tensor_dtype(kernel.dtype)",
        f'    images = [helper.make_tensor_value_info("inputs", kind, {shape})]',
        f'    outputs = [helper.make_tensor_value_info("outputs", kind, {sizes})]',
        '    graph = helper.make_graph(nodes, "layer", images, outputs, weights)',
        '    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)',
        "",
    ]
    return "\n".join(lines)


def _onnx_activation(name: str | None) -> Iterator[str]:
    """Write nodes from "sum of products" to "outputs"."""
    if name is None:
        return
    nodes = activations.ONNX.get(name)
    if nodes is None:
        yield f"    raise NotImplementedError('put the activation {name} here')"
        return
    for place, node in enumerate(nodes):
        inputs = []
        for given in node.inputs:
            if isinstance(given, float):
                number = f"np.array({given}, kernel.dtype)"
                yield f'    weights.append(numpy_helper.from_array({number}, "{given}"))'
            inputs.append(
                {"x": "sum of products", "y": f"part {place}"}.get(str(given), str(given))
            )
        output = "outputs" if place == len(nodes) - 1 else f"part {place + 1}"
        words = f", {named(node.attributes)}" if node.attributes else ""
        given_names = ", ".join(f'"{one}"' for one in inputs)
        yield f'    nodes.append(helper.make_node("{node.kind}", [{given_names}], ["{output}"]{words}))'


def tflite_program(program: str) -> str:
    """Return a program whose `model(inputs, kernel, bias=None)` is the file of a TFLite model for such inputs."""
    return program + "\n".join([
        "",
        "",
        "def model(inputs, kernel, bias=None):",
        '    """Return a TFLite model for inputs of this shape and dtype."""',
        "    signature = [tf.TensorSpec(inputs.shape, inputs.dtype)]",
        "    call = lambda images: conv2d_transpose(images, kernel, bias)",
        "    layer = tf.function(call, input_signature=signature)",
        "    converter = tf.lite.TFLiteConverter.from_concrete_functions([layer.get_concrete_function()])",
        "    return converter.convert()",
        "",
    ])  # fmt: skip
