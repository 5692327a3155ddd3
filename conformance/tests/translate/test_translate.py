"""Translations are proven by running their code: on small integers it gives the source's very numbers."""

from __future__ import annotations

import importlib.util
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.translate import Translation, Untranslatable, output_padding_for, translate

SIDES = ("layer", "torch", "onnx", "jax", "tf.keras", "keras", "tflite")
#: What must be there to run the code of a side.
NEEDED = {
    "torch": "torch", "onnx": "onnxruntime", "jax": "jax", "keras": "keras",
    "tf.keras": "tensorflow", "tflite": "tensorflow",
}  # fmt: skip
Arguments = Mapping[str, Any]


def _skip_without(side: str) -> None:
    module = NEEDED.get(side)
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    if side == "keras":
        if importlib.util.find_spec("jax") is None:
            pytest.skip("needs jax")
        os.environ.setdefault("KERAS_BACKEND", "jax")
        if int(importlib.import_module("keras").__version__.split(".")[0]) < 3:
            pytest.skip("needs Keras 3")


def _of_torch(defined: Mapping[str, Any], arrays: list[Any]) -> Any:
    import torch

    return defined["conv2d_transpose"](*(a if a is None else torch.from_numpy(a) for a in arrays))


def _of_onnx(defined: Mapping[str, Any], arrays: list[Any]) -> Any:
    import onnx
    import onnxruntime

    images, kernel, bias = arrays
    model = defined["model"](kernel, bias)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"inputs": images})[0]


def _of_tflite(defined: Mapping[str, Any], arrays: list[Any]) -> Any:
    import tensorflow as tf

    found = tf.lite.Interpreter(
        model_content=defined["model"](*arrays),
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    found.allocate_tensors()
    found.set_tensor(found.get_input_details()[0]["index"], arrays[0])
    found.invoke()
    return found.get_tensor(found.get_output_details()[0]["index"])


_RUN: Mapping[str, Callable[[Mapping[str, Any], list[Any]], Any]] = {
    "torch": _of_torch,
    "onnx": _of_onnx,
    "tflite": _of_tflite,
}


def run(translation: Translation, *arrays: Any) -> Any:
    """Return what the translation's program makes of inputs, kernel and bias."""
    defined: dict[str, Any] = {}
    exec(compile(translation.code, "<translation>", "exec"), defined)
    by_name = _RUN.get(translation.target, lambda found, given: found["conv2d_transpose"](*given))
    return np.asarray(by_name(defined, list(arrays)))


def integers(generator: random.Random, *shape: int) -> Any:
    values = np.random.default_rng(generator.randrange(2**32)).integers(-4, 5, shape)
    return values.astype(np.float32)


def layers(count: int) -> Iterator[dict[str, Any]]:
    """Draw arguments that the layer takes."""
    generator = random.Random(7)
    while count:
        pick = generator.choice
        arguments: dict[str, Any] = {
            "kernel_size": (pick((1, 2, 3, 4, 5)), pick((1, 2, 3, 4, 7))),
            "padding": pick(("valid", "same")),
            "use_bias": pick((True, True, False)),
            "data_format": pick(("channels_last", "channels_last", "channels_first")),
        }
        if pick((0, 0, 1)):
            arguments["dilation_rate"] = pick((2, 3))
        else:
            arguments["strides"] = (pick((1, 2, 3)), pick((1, 2, 3, 5)))
        if pick((0, 1)):
            arguments["output_padding"] = (pick((0, 1, 2)), pick((0, 1, 4)))
        try:
            translate(arguments)
        except ValueError:
            continue
        count -= 1
        yield arguments


def _data(arguments: Arguments, generator: random.Random) -> tuple[Any, Any, Any]:
    pick = generator.choice
    size, channels, filters = (pick((1, 2, 5)), pick((1, 3, 4))), pick((1, 3)), pick((1, 2))
    shape = (
        (2, channels, *size)
        if arguments["data_format"] == "channels_first"
        else (2, *size, channels)
    )
    kernel = integers(generator, *arguments["kernel_size"], filters, channels)
    bias = integers(generator, filters) if arguments["use_bias"] else None
    return integers(generator, *shape), kernel, bias


def _right(arguments: Arguments, images: Any, kernel: Any, bias: Any) -> Any:
    words = {
        name: value for name, value in arguments.items() if name not in ("use_bias", "kernel_size")
    }
    return fast_impl.conv2d_transpose(images, kernel, bias=bias, **words)


#: Layers drawn; of these sides, which compile each one, all with TRANSLATIONS=all (tox -e frameworks, nightly).
DRAWN = 200
COUNTS = {"tf.keras": 60, "tflite": 40, "keras": 30, "jax": 40}


def _count(side: str) -> int:
    return DRAWN if os.environ.get("TRANSLATIONS") == "all" else COUNTS.get(side, DRAWN)


@pytest.mark.parametrize("side", SIDES)
def test_the_code_gives_the_layers_numbers(side: str) -> None:
    _skip_without(side)
    generator = random.Random(11)
    for arguments in layers(_count(side)):
        data = _data(arguments, generator)
        translation = translate(arguments, side)
        np.testing.assert_array_equal(
            run(translation, *data), _right(arguments, *data), err_msg=f"{arguments}\n{translation}"
        )


@pytest.mark.parametrize("side", SIDES)
def test_what_the_arguments_say_alone_comes_back(side: str) -> None:
    whole = 0
    for arguments in layers(DRAWN):
        translation = translate(arguments, side)
        if translation.is_whole:
            given = {"kernel_size": arguments["kernel_size"], **translation.arguments}
            if side == "onnx":
                given["kernel_shape"] = given.pop("kernel_size")
            back = translate(given, source=side)
            assert back.is_whole
            assert (back.operation.crops, back.operation.strides) == (
                translation.operation.crops, translation.operation.strides,
            )  # fmt: skip
            whole += 1
    assert whole > 60


def _torch_layers(count: int) -> Iterator[dict[str, Any]]:
    generator = random.Random(3)
    while count:
        pick = generator.choice
        groups = pick((1, 1, 2))
        arguments = {
            "in_channels": groups * pick((1, 2)),
            "out_channels": groups * pick((1, 3)),
            "kernel_size": (pick((1, 2, 3, 4, 5)), pick((1, 3, 4, 6))),
            "stride": (pick((1, 2, 3)), pick((1, 2, 4))),
            "padding": (pick((0, 1, 2)), pick((0, 1))),
            "output_padding": (pick((0, 1, 2)), pick((0, 1))),
            "dilation": (pick((1, 1, 2)), pick((1, 1, 3))),
            "groups": groups,
            "bias": pick((True, False)),
        }
        try:
            translate(arguments, source="torch")
        except ValueError:
            continue
        count -= 1
        yield arguments


@pytest.mark.parametrize("side", SIDES)
def test_the_code_gives_the_numbers_of_a_torch_layer(side: str) -> None:
    _skip_without("torch")
    _skip_without(side)
    import torch

    generator = random.Random(5)
    for arguments in _torch_layers(_count(side)):
        layer = torch.nn.ConvTranspose2d(**arguments)
        images = integers(generator, 2, arguments["in_channels"], 5, 6)
        with torch.no_grad():
            for weights in layer.parameters():
                weights.copy_(torch.from_numpy(integers(generator, *weights.shape)))
            try:
                right = layer(torch.from_numpy(images)).numpy()
            except RuntimeError:  # nothing is left of so small an image
                continue
        bias = None if layer.bias is None else layer.bias.detach().numpy()
        translation = translate(arguments, side, source="torch")
        got = run(translation, images, layer.weight.detach().numpy(), bias)
        np.testing.assert_array_equal(got, right, err_msg=f"{arguments}\n{translation}")


@pytest.mark.parametrize("padding", ["SAME", "VALID", ((2, 1), (0, 1))])
@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1)])
def test_the_code_gives_the_numbers_of_jax(
    padding: Any, transposed: bool, strides: Any, dilation: Any
) -> None:
    _skip_without("jax")
    import jax

    arguments = {
        "strides": strides, "padding": padding, "rhs_dilation": dilation, "transpose_kernel": transposed,
        "dimension_numbers": ("NHWC", "HWIO", "NHWC"),
    }  # fmt: skip
    generator = random.Random(1)
    images = integers(generator, 2, 4, 5, 3)
    kernel = integers(generator, 3, 2, *((2, 3) if transposed else (3, 2)))
    translation = translate({"kernel_size": (3, 2), **arguments}, source="jax")
    right = jax.lax.conv_transpose(images, kernel, **arguments)  # type: ignore[arg-type]
    np.testing.assert_array_equal(run(translation, images, kernel, None), right)


#: Twelve common layers of PyTorch, and the layer of the page that each equals; None where none does.
COMMON: Mapping[str, dict[str, Any] | None] = {
    "2, stride=2": {"strides": (2, 2), "padding": "valid"},
    "4, stride=2, padding=1": {"strides": (2, 2), "padding": "same"},
    "4, stride=4": {"strides": (4, 4), "padding": "valid"},
    "3": {"strides": (1, 1), "padding": "valid"},
    "3, padding=1": {"strides": (1, 1), "padding": "same"},
    "5, padding=2": {"strides": (1, 1), "padding": "same"},
    "3, stride=2": {"strides": (2, 2), "padding": "valid"},
    "8, stride=4, padding=2": {"strides": (4, 4), "padding": "same"},
    "16, stride=8, padding=4": {"strides": (8, 8), "padding": "same"},
    "3, stride=2, padding=1, output_padding=1": None,
    "5, stride=2, padding=2, output_padding=1": None,
    "4, stride=2": {"strides": (2, 2), "padding": "valid"},
    "7, stride=2, padding=3, output_padding=1": None,
}


@pytest.mark.parametrize("text", COMMON)
def test_common_torch_layers_equal_a_layer_or_none(text: str) -> None:
    found = translate(f"ConvTranspose2d(8, 4, {text})", source="torch")
    wanted = COMMON[text]
    assert found.is_whole == (wanted is not None)
    assert wanted is None or wanted.items() <= found.arguments.items()
    assert found.is_whole or "no padding of the layer crops the full result" in found.words.lower()


@pytest.mark.parametrize("side", SIDES)
def test_a_bias_may_be_left_out(side: str) -> None:
    _skip_without(side)
    generator = random.Random(4)
    images, kernel = integers(generator, 1, 3, 3, 2), integers(generator, 2, 2, 1, 2)
    got = run(translate("kernel_size=2", side), images, kernel, None)
    np.testing.assert_array_equal(got, fast_impl.conv2d_transpose(images, kernel))


def test_what_follows_is_said() -> None:
    told = translate("kernel_size=2, activation='relu'", "jax").words
    assert "computes the same, and then: add the bias and apply relu." in told
    assert "and then" not in translate("kernel_size=2", "torch").words


def test_dilations_that_the_layer_lacks_become_zeros_between_the_taps() -> None:
    found = translate(
        "kernel_size=3, stride=2, dilation=2, padding=2, output_padding=1", source="torch"
    )
    assert found.arguments["kernel_size"] == (5, 5)
    assert "zeros are put between the taps" in found.words
    images, kernel = (np.ones((1, 1, 3, 3), "f"), np.ones((1, 1, 3, 3), "f"))
    assert run(found, images, kernel, None).shape == (1, 1, *found.output_size(3, 3))


def test_weights_are_laid_as_the_other_side_wants_them() -> None:
    kernel = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    found = translate("kernel_size=(2, 3)", "torch")
    assert (found.kernel_axes, found.kernel(kernel).shape) == ((3, 2, 0, 1), (5, 4, 2, 3))
    assert found.kernel(kernel)[4, 3, 1, 2] == kernel[1, 2, 3, 4]
    turned = translate("kernel_size=(2, 3), padding='VALID'", source="jax").kernel(kernel)
    assert turned[0, 0, 4, 3] == kernel[1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"kernel: must have four axes, its shape is \(2, 3\)"):
        found.kernel(np.ones((2, 3)))


def test_a_layer_object_is_read_from_its_config() -> None:
    layer = fast_impl.Conv2DTranspose(3, 4, strides=2, padding="same", activation="relu")
    found = translate(layer, "torch")
    assert found.is_whole
    assert found.arguments == {
        "out_channels": 3, "kernel_size": (4, 4), "stride": (2, 2), "padding": (1, 1),
    }  # fmt: skip
    assert "functional.relu(outputs)" in found.code


def _activated(side: str, name: str, data_format: str, **more: Any) -> tuple[Any, Any]:
    """Return what a translation computes with an activation, and the sum that it is applied to."""
    _skip_without(side)
    generator = random.Random(2)
    shape = (1, 2, 3, 4) if data_format == "channels_first" else (1, 3, 4, 2)
    images, kernel, bias = (
        integers(generator, *shape), integers(generator, 2, 2, 3, 2), integers(generator, 3),
    )  # fmt: skip
    arguments = {"kernel_size": 2, "activation": name, "data_format": data_format}
    total = fast_impl.conv2d_transpose(images, kernel, data_format=data_format, bias=bias)
    return run(translate(arguments, side, **more), images, kernel, bias), total


NAMES = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "softplus", "softsign", "tanh", "sigmoid", "hard_sigmoid",
    "exponential", "swish", "silu", "mish", "gelu", "softmax", "log_softmax",
)  # fmt: skip


@pytest.mark.parametrize("side", [side for side in SIDES if side != "tflite"])
@pytest.mark.parametrize("name", NAMES)
def test_activations_come_last(side: str, name: str) -> None:
    got, total = _activated(side, name, "channels_last")
    right = fast_impl.activations.get(name)(total)
    np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_works_on_the_last_axis_of_the_source(side: str, name: str) -> None:
    got, total = _activated(side, name, "channels_first")
    right = fast_impl.activations.get(name)(total)
    np.testing.assert_allclose(got, right, rtol=1e-5, atol=1e-5)


def test_keras_layers_are_not_told_an_activation_of_another_axis() -> None:
    first = "kernel_size=2, activation='softmax', data_format='channels_first'"
    found = translate(first, "keras")
    assert "activation" not in found.arguments
    assert "apply softmax over the width" in found.words
    assert translate(first).arguments["activation"] == "softmax"


@pytest.mark.parametrize("side", [side for side in SIDES if side != "tflite"])
def test_hard_sigmoid_is_another_line_in_keras_3(side: str) -> None:
    got, total = _activated(side, "hard_sigmoid", "channels_last", source="keras")
    np.testing.assert_allclose(got, np.clip(total / 6 + 0.5, 0, 1), rtol=1e-5, atol=1e-6)


def test_hard_sigmoid_goes_between_keras_2_and_3_as_a_formula() -> None:
    text = "kernel_size=2, activation='hard_sigmoid'"
    assert "activation" not in translate(text, "keras").arguments
    assert translate(text, "tf.keras").arguments["activation"] == "hard_sigmoid"
    assert translate(text, "keras", source="keras").arguments["activation"] == "hard_sigmoid"
    assert "apply hard_sigmoid of Keras 3" in translate(text, source="keras").words


def test_a_bias_that_follows_is_not_the_layers() -> None:
    text = "kernel_size=2, dilation=3, output_padding=2"
    found = translate(text, source="torch")
    assert "add the bias" in found.words
    assert found.arguments["use_bias"] is False
    assert "bias" not in translate("kernel_size=4, strides=2, padding='same'", "torch").arguments


@pytest.mark.parametrize(
    ("text", "size", "wanted", "found"),
    [
        ("kernel_size=3, strides=2", (7, 7), (15, 15), None),
        ("kernel_size=3, strides=2", (7, 7), (16, 15), (1, 0)),
        ("kernel_size=3, strides=2, padding='same'", 28, 55, (0, 0)),
        ("kernel_size=3, strides=2, padding='same'", 28, (56, 56), None),
        ("kernel_size=4, strides=3, padding='same'", 5, (13, 14), (1, 2)),
    ],
)
def test_output_padding_that_gives_a_size(text: str, size: Any, wanted: Any, found: Any) -> None:
    assert output_padding_for(text, size, wanted) == found
    if found is not None:
        layer = translate(f"{text}, output_padding={found}")
        height, width = (size, size) if isinstance(size, int) else size
        assert layer.output_size(height, width) == (
            (wanted, wanted) if isinstance(wanted, int) else wanted
        )


@pytest.mark.parametrize(
    ("text", "wanted", "message"),
    [
        ("kernel_size=3, strides=2", 17, "height 17 cannot be reached from 7: an output_padding makes"),
        ("kernel_size=4, strides=2, padding='same'", 12, "an output_padding makes 13 to 13"),
        ("kernel_size=2, padding='same'", 8, "an output_padding makes no size"),
        ("kernel_size=3", 0, "must be at least 1"),
    ],
)  # fmt: skip
def test_sizes_out_of_reach_are_refused(text: str, wanted: int, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        output_padding_for(text, 7, wanted)


@pytest.mark.parametrize(
    ("source", "given", "message"),
    [
        ("layer", "strides=2", "kernel_size is missing: the kernel's height and width"),
        ("layer", "kernel_size=0", "kernel_size=0: must be at least 1"),
        ("layer", "kernel_size=2.5", "kernel_size=2.5: must be a whole number or two of them"),
        ("layer", "kernel_size=3, stride=2", "stride=2: no argument of Conv2DTranspose: it has filters"),
        ("layer", "kernel_size=3, strides=2, output_padding=2", "Strides must be greater than output padding"),
        ("layer", "kernel_size=2, padding='same', output_padding=0", "output_padding=0 with padding='same'"),
        ("layer", "kernel_size=3, activation=3", "activation=3: must be a name, a function or None"),
        ("layer", "kernel_size=3, activation='rleu'", "activation='rleu': is not translated. Unknown activation"),
        ("layer", {"kernel_size": 3, "activation": lambda x: x}, "is not translated. Unknown activation"),
        ("layer", "kernel_size=3, groups=2", "groups=2: Conv2DTranspose computes without groups"),
        ("layer", "kernel_size=3, padding=1", "padding=1"),
        ("layer", "kernel_size=3, data_format=1", "data_format=1"),
        ("layer", "kernel_size=3, strides=(2.0, 2.0)", "strides=(2.0, 2.0): must be a whole number"),
        ("layer", "kernel_size=b'ab'", "kernel_size=b'ab': must be a whole number or two of them"),
        ("layer", "kernel_size=None", "kernel_size is missing"),
        ("layer", "kernel_size=3, filters=True", "filters=True: must be a whole number of at least 1"),
        ("layer", "kernel_size=", "cannot be read"),
        ("layer", "kernel_size=3) + print(1", "cannot be read (it is no call)"),
        ("layer", "3", "kernel_size is missing"),
        ("layer", "kernel_size=K", "kernel_size=K: must be written out: a number, a pair of numbers or a text"),
        ("layer", "Conv2D(8, 3)", "cannot be read (Conv2D(...) is not Conv2DTranspose or conv2d_transpose)"),
        ("layer", "tf.nn.conv2d_transpose(x, w, (1, 8, 8, 4), 2)", "tf.nn.conv2d_transpose(...) is not"),
        ("layer", "8, 3, kernel_size=4", "kernel_size: is given twice"),
        ("layer", "kernel_size=3, kernel_size=4", "kernel_size"),
        ("layer", "kernel_size=3, **more", "more: what it holds must be written out"),
        ("tf.keras", "8, 3, 2, 'same', 'channels_first'", "output_padding"),
        ("torch", "Conv2d(8, 4, 3)", "cannot be read (Conv2d(...) is not ConvTranspose2d); write them like"),
        ("torch", "8, 4, 3, padding='same'", "padding='same': must be a whole number or two of them"),
        ("onnx", "3, 3", "no argument may be given by place"),
        ("onnx", "strides=2", "kernel_shape is missing"),
        ("jax", "kernel_size=3, padding=1", "padding=1: must be 'SAME', 'VALID' or two pairs of whole numbers"),
        ("jax", "kernel_size=3, padding=(1, 1)", "padding=(1, 1): must be 'SAME', 'VALID' or two pairs"),
        ("jax", "kernel_size=3, dimension_numbers=5", "dimension_numbers=5: only those such as"),
        ("tflite", "kernel_size=3, stride_h=2", "stride_h and stride_w: both are needed"),
        ("tflite", "kernel_size=3, fused_activation_function='RELU_N1_TO_1'", "must be one of NONE, RELU, RELU6"),
        ("tflite", "kernel_size=3, output_shape=(1, 8, 8, 3)", "is of one input's size"),
        ("layer", "kernel_size=__import__('os')", "cannot be read"),
        ("layer", 3, "must be a dict, a text"),
        ("torch", "kernel_size=3, output_padding=1", "must be smaller than either stride 1 or dilation 1"),
        ("torch", "kernel_size=3, padding=-1", "padding=-1: must not be below 0"),
        ("torch", "3, 4, 3, groups=2", "in_channels=3: must be divisible by groups=2"),
        ("torch", "kernel_size=3, padding_mode='reflect'", "ConvTranspose2d has zeros alone"),
        ("onnx", "kernel_shape=3, auto_pad='BEST'", "must be NOTSET, VALID, SAME_UPPER or SAME_LOWER"),
        ("onnx", "kernel_shape=3, pads=(1, 1)", "must be four whole numbers of at least 0"),
        ("onnx", "kernel_shape=3, output_shape=(5, 5)", "is of one input's size"),
        ("jax", "kernel_size=3, padding='BEST'", "padding='BEST': must be 'SAME', 'VALID' or two pairs"),
        ("jax", "kernel_size=3, dimension_numbers=('NHWC', 'HWIO', 'NCHW')", "are translated"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(source: str, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        translate(given, source=source)


@pytest.mark.parametrize(
    ("source", "text", "same"),
    [
        ("torch", "self.up = nn.ConvTranspose2d(8, 4, 3, stride=2)", "8, 4, 3, 2"),
        ("torch", "nn.ConvTranspose2d(8, 4, 3, stride=2),  # up", "8, 4, 3, 2"),
        ("torch", "up = torch.nn.ConvTranspose2d(\n    8, 4,\n    kernel_size=(3, 3), stride=2,\n)", "8, 4, 3, 2"),
        ("torch", "8, 4, (3, 3), stride=(2, 2)", "8, 4, 3, 2"),
        ("torch", "ConvTranspose2d(8, 4, 3, 2, device='cuda', dtype=torch.float16)", "8, 4, 3, 2"),
        ("layer", "x = tf.layers.conv2d_transpose(x, 64, 5, 2, 'same', activation=tf.nn.relu, reuse=reuse)",
         "64, 5, 2, 'same', activation='relu'"),
        ("layer", "8, 3, 1, 'same', 'channels_first', 'relu', False",
         "filters=8, kernel_size=3, padding='same', data_format='channels_first', activation='relu',"
         " use_bias=False"),
        ("tf.keras", "layers.Conv2DTranspose(128, (5, 5), strides=(1, 1), padding='same', use_bias=False)",
         "128, 5, padding='same', use_bias=False"),
        ("tf.keras", "tf.keras.layers.Conv2DTranspose(3, 4, strides=2, padding='same', kernel_initializer=glorot,"
         " activation='tanh', name='last')", "3, 4, 2, 'same', activation='tanh'"),
        ("keras", "3, 4, 3, 'same', 2", "3, 4, 3, 'same', output_padding=2"),
        ("jax", "y = lax.conv_transpose(x, w, (2, 2), 'SAME', kernel_size=3)",
         "kernel_size=3, strides=2, padding='SAME'"),
        ("tflite", "kernel_size=3, stride_h=2, stride_w=3, padding='SAME'",
         "kernel_size=3, strides=(2, 3), padding='same'"),
    ],
)  # fmt: skip
def test_arguments_may_be_pasted_from_a_program(source: str, text: str, same: str) -> None:
    pasted, plain = (translate(given, source=source) for given in (text, same))
    assert pasted.operation == plain.operation


def test_whole_numbers_may_be_numpys() -> None:
    arguments = {
        "kernel_size": np.array([3, 2]),
        "strides": (np.int64(2), 2),
        "filters": np.int32(4),
    }
    found = translate(arguments, "torch").arguments
    assert found == {"out_channels": 4, "kernel_size": (3, 2), "stride": (2, 2)}
    assert all(type(n) is int for n in found["kernel_size"])


def test_a_module_of_torch_is_read() -> None:
    _skip_without("torch")
    import torch

    module = torch.nn.ConvTranspose2d(
        4, 6, (3, 2), stride=2, padding=1, groups=2, dilation=3, bias=False
    )
    text = "4, 6, (3, 2), stride=2, padding=1, groups=2, dilation=3, bias=False"
    found, plain = (translate(given, source="torch") for given in (module, text))
    assert found.operation == plain.operation


@pytest.mark.parametrize("kernel", ["HWIO", "OIHW", "IOHW", "HWOI"])
@pytest.mark.parametrize("transposed", [True, False])
def test_kernels_of_jax_lie_in_any_order(kernel: str, transposed: bool) -> None:
    _skip_without("jax")
    import jax

    sizes = {"H": 3, "W": 2, "I": 3, "O": 2} | ({"I": 2, "O": 3} if transposed else {})
    generator = random.Random(1)
    images = integers(generator, 2, 3, 4, 5)
    weights = integers(generator, *(sizes[letter] for letter in kernel))
    arguments: dict[str, Any] = {
        "strides": (2, 1), "padding": "SAME", "dimension_numbers": ("NCHW", kernel, "NCHW"),
        "transpose_kernel": transposed,
    }  # fmt: skip
    found = translate({"kernel_size": (3, 2), **arguments}, source="jax")
    right = jax.lax.conv_transpose(images, weights, **arguments)
    np.testing.assert_array_equal(run(found, images, weights, None), right)


def test_pairs_of_jax_may_be_those_of_the_forward_convolution() -> None:
    _skip_without("jax")
    import jax

    arguments: dict[str, Any] = {
        "strides": (2, 1), "padding": ((1, 0), (0, 1)), "use_consistent_padding": True,
    }  # fmt: skip
    generator = random.Random(1)
    images, kernel = integers(generator, 1, 4, 5, 3), integers(generator, 3, 2, 3, 2)
    found = translate({"kernel_size": (3, 2), **arguments}, source="jax")
    right = jax.lax.conv_transpose(images, kernel, **arguments)
    np.testing.assert_array_equal(run(found, images, kernel, None), right)


def test_an_image_of_which_nothing_is_left_is_refused() -> None:
    found = translate("8, 4, 3, padding=3", source="torch")
    with pytest.raises(ValueError, match="an input of 2x9 is too small: -2x5 would be left"):
        found.output_size(2, 9)


@pytest.mark.parametrize(
    ("name", "words"), [("to", {"to": "caffe"}), ("source", {"source": "caffe"})]
)
def test_an_unknown_side_is_refused(name: str, words: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match=f"{name}='caffe': must be one of layer, torch, onnx"):
        translate("kernel_size=3", **words)


def test_same_with_a_short_kernel_means_nothing_certain_in_onnx() -> None:
    with pytest.raises(Untranslatable, match="the standard does not say where the missing rows go"):
        translate("kernel_shape=2, strides=3, auto_pad='SAME_UPPER'", source="onnx")


def test_same_lower_crops_the_odd_row_at_the_front() -> None:
    upper, lower = (
        translate(f"kernel_shape=4, strides=3, auto_pad='{word}'", source="onnx")
        for word in ("SAME_UPPER", "SAME_LOWER")
    )
    assert (upper.is_whole, lower.is_whole) == (True, False)
    assert "drop the first row" in lower.words
