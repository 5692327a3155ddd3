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
        if translation.is_whole and side != "tflite":
            given = {"kernel_size": arguments["kernel_size"], **translation.arguments}
            if side == "onnx":
                given["kernel_shape"] = given.pop("kernel_size")
            back = translate(given, source=side)
            assert back.is_whole
            assert (back.operation.crops, back.operation.strides) == (
                translation.operation.crops, translation.operation.strides,
            )  # fmt: skip
            whole += 1
    assert whole > 60 or side == "tflite"


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


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", ["relu", "sigmoid", "softplus", "swish"])
def test_activations_come_last(side: str, name: str) -> None:
    _skip_without(side)
    if (side, name) == ("onnx", "swish"):
        assert (
            "put the activation swish here"
            in translate(f"kernel_size=2, activation={name!r}", "onnx").code
        )
        return
    generator = random.Random(2)
    images, kernel, bias = (
        integers(generator, 1, 3, 3, 2), integers(generator, 2, 2, 1, 2), integers(generator, 1),
    )  # fmt: skip
    right = fast_impl.activations.get(name)(fast_impl.conv2d_transpose(images, kernel, bias=bias))
    found = translate(f"kernel_size=2, activation={name!r}", side)
    np.testing.assert_allclose(run(found, images, kernel, bias), right, rtol=1e-5, atol=1e-6)


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
        ("layer", "strides=2", "kernel_size is missing"),
        ("layer", "kernel_size=0", "kernel_size=0: must be at least 1"),
        ("layer", "kernel_size=2.5", "kernel_size=2.5: must be a whole number or two of them"),
        ("layer", "kernel_size=3, stride=2", "stride=2: no argument of Conv2DTranspose: it has filters"),
        ("layer", "kernel_size=3, strides=2, output_padding=2", "Strides must be greater than output padding"),
        ("layer", "kernel_size=2, padding='same', output_padding=0", "output_padding=0 with padding='same'"),
        ("layer", "kernel_size=3, activation=3", "activation=3: must be a name, a function or None"),
        ("layer", "kernel_size=3, groups=2", "groups=2: Conv2DTranspose has none"),
        ("layer", "kernel_size=", "cannot be read"),
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
        ("jax", "kernel_size=3, dimension_numbers=('NCHW', 'OIHW', 'NCHW')", "are translated"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(source: str, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        translate(given, source=source)


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
