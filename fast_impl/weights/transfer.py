"""Between files and layers: all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.dtypes import by_name
from fast_impl.weights.contents import StoredLayer
from fast_impl.weights.errors import WeightsError, choices
from fast_impl.weights.files import FORMATS, WeightFile, format_of
from fast_impl.weights.finding import bias_of
from fast_impl.weights.formats import checkpoint, hdf5
from fast_impl.weights.layouts import LAYOUTS, Layout, layout_named
from fast_impl.weights.replacing import replaced, replaced_checkpoint

Array = npt.NDArray[Any]


def load(
    layers: Any,
    path: str | PathLike[str],
    *,
    layout: str | Layout | None = None,
    format: str | None = None,  # noqa: A002
) -> None:
    """Set the weights of one layer, or of all layers of a decoder, from a file.

    A layer is a ``Conv2DTranspose`` of this library, the page's, tf.keras' or Keras 3's.
    Layers that are not built are built; without a ``dtype`` of their own they are float32 then. Values are
    cast to a layer's dtype. Everything is read and checked before the first layer changes.

    Args:
        layers: One layer (the file's only transposed convolution, or that of the layer's name); several, each by
            its name; or a mapping from names in the file to layers.
        path: As for `WeightFile`.
        layout: How the file's kernels lie, where neither file nor keys tell it: a name in `LAYOUTS`.
        format: The kind of file, where its name does not tell.

    Raises:
        WeightsError: A layer is not in the file, or its weights have another shape; the message says which is
            expected, which was found, and which keys are there.
        OSError, ModuleNotFoundError: As `WeightFile`.
    """
    with WeightFile(path, format, layout) as file:
        if _is_layer(layers):
            fitting = [found for found in file.layers if found.problem is None]
            pairs = [(None if len(fitting) == 1 else layers.name, layers)]
        else:
            pairs = list(_named(layers).items())
        steps = []
        for name, layer in pairs:
            found = file.layer(name)
            _check(file, found, layer)
            values = file.weights(found.kernel.key)
            for entry, array in zip((found.kernel, found.bias), values):
                if array.dtype.kind == "c":
                    raise WeightsError(
                        f"{file.path}: {entry and entry.key!r} holds complex numbers, which no layer has"
                    )
            steps.append((layer, found, values))
    for layer, found, values in steps:
        if not layer.built:
            channels = found.kernel_shape[3]
            first = layer.data_format == "channels_first"
            layer.build((None, channels, None, None) if first else (None, None, None, channels))
        layer.set_weights(values)


def _is_layer(layers: Any) -> bool:
    return hasattr(layers, "set_weights") and hasattr(layers, "kernel_size")


def _named(layers: Any) -> dict[str, Any]:
    """Return layers by name.

    Raises:
        WeightsError: Two have the same.
        TypeError: Something is no layer.
    """
    if _is_layer(layers):
        layers = [layers]
    named = {}
    pairs = layers.items() if isinstance(layers, Mapping) else ((None, layer) for layer in layers)
    for name, layer in pairs:
        if not _is_layer(layer):
            raise TypeError(f"layers: {layer!r} is no Conv2DTranspose layer")
        known = layer.name if name is None else name
        if known in named:
            raise WeightsError(
                f"layers: two have the name {known!r}; give a mapping from names to layers"
            )
        named[known] = layer
    if not named:
        raise WeightsError("layers: there is none")
    return named


def _check(file: WeightFile, found: StoredLayer, layer: Any) -> None:
    if found.problem is not None:
        raise WeightsError(f"{file.path}: {found.kernel.key!r} fits no layer: {found.problem}")
    channels = layer.get_weights()[0].shape[3] if layer.built else None
    expected = (*map(int, layer.kernel_size), int(layer.filters), channels)
    shape = found.kernel_shape
    if any(size is not None and size != there for size, there in zip(expected, shape)):
        wanted = str(expected).replace("None", "any")
        raise WeightsError(
            f"{file.path}: {found.kernel.key!r} has shape {found.kernel.shape} ({found.layout}), which makes a "
            f"kernel of {shape}; layer {layer.name!r} expects {wanted}{_other_layouts(found, expected)}"
        )
    if bool(layer.use_bias) != (found.bias is not None):
        if found.bias is not None:
            raise WeightsError(
                f"{file.path}: there is a bias, {found.bias.key!r}, and layer {layer.name!r} has use_bias=False"
            )
        wanted = bias_of(found.kernel)
        raise WeightsError(
            f"{file.path}: no bias {repr(wanted) if wanted else 'beside ' + repr(found.kernel.key)} for layer "
            f"{layer.name!r} of use_bias=True: "
            f"{choices(wanted, (key for key in file if len(file[key].shape) == 1))}"
        )


def _other_layouts(found: StoredLayer, expected: tuple[int | None, ...]) -> str:
    fitting = [
        name
        for name, layout in LAYOUTS.items()
        if all(e in (None, s) for e, s in zip(expected, layout.layer_shape(found.kernel.shape)))
    ]
    return f"; it would fit as layout={' or '.join(map(repr, fitting))}" if fitting else ""


def save(
    layers: Any,
    path: str | PathLike[str],
    *,
    layout: str | Layout | None = None,
    like: str | PathLike[str] | None = None,
    format: str | None = None,  # noqa: A002
) -> None:
    """Write the weights of one layer, or of all layers of a decoder, into a file.

    The file is whole or not there: after an error an old file is what it was.

    Args:
        layers: As for `load`; all are built.
        path: Its end says what is written: ``.npz``, ``.safetensors``, ``.h5`` (Keras 2), ``.weights.h5``,
            ``.pt`` (a state dict), ``.ckpt`` (a TensorFlow checkpoint by variables' names); with `like` also
            ``.keras`` and ``.onnx``.
        layout: How kernels shall lie in ``.npz`` and ``.safetensors``: ``"layer"``, or ``"torch"`` with keys as
            a state dict has them. Other kinds have their own.
        like: A file of the same kind that has these layers: it is copied, with their weights in place of those
            that are there. It may be `path` itself.
        format: What is written, where the name's end does not tell: one of `FORMATS`.

    Raises:
        WeightsError: A layer has no weights yet, or `like` lacks it or has another shape for it.
        OSError, ModuleNotFoundError: As `WeightFile`.
    """
    named = _named(layers)
    for layer in named.values():
        if not layer.built:
            raise WeightsError(
                f"layer {layer.name!r} has no weights yet: call it, or build(input_shape)"
            )
    if like is not None:
        write(path, _arrays_for(named, like, layout), like=like, format=format)
        return
    arrays = {
        name: [np.asarray(array) for array in layer.get_weights()] for name, layer in named.items()
    }
    save_arrays(arrays, path, layout=layout, format=format)


def save_arrays(
    layers: Mapping[str, Sequence[npt.ArrayLike]],
    path: str | PathLike[str],
    *,
    layout: str | Layout | None = None,
    format: str | None = None,  # noqa: A002
) -> None:
    """Write weights as `save` does, given as lists ``[kernel, bias]`` or ``[kernel]`` by the layers' names.

    Args:
        layers: Kernels are ``(kernel_height, kernel_width, filters, in_channels)``.
        path: As for `save`.
        layout: As for `save`.
        format: As for `save`.

    Raises:
        WeightsError: A kernel has not four axes, or something is no array of numbers.
        OSError, ModuleNotFoundError: As `WeightFile`.
    """
    target = Path(path)
    kind = format_of(target, format, to_write=True)
    lies, keys = _spelling(kind, target, layout)
    arrays: dict[str, Array] = {}
    names: dict[str, str] = {}
    for place, (name, values) in enumerate(layers.items()):
        kernel_key, bias_key = (
            key.format(name=name, place=f"_{place}" if place else "") for key in keys
        )
        kernel, *bias = (_numbers(name, value) for value in values)
        if kernel.ndim != 4:
            raise WeightsError(f"{name!r}: a kernel has four axes, not the shape {kernel.shape}")
        names[kernel_key] = name
        arrays[kernel_key] = lies.from_layer(kernel)
        if bias:
            arrays[bias_key] = bias[0]
    _store(target, kind, arrays, names)


def _spelling(kind: str, path: Path, layout: str | Layout | None) -> tuple[Layout, tuple[str, str]]:
    """Return how kernels lie in a file, and the keys of kernel and bias."""
    module = FORMATS[kind]
    if kind == "torch":
        own = LAYOUTS["torch"]
    elif layout is None or kind not in ("npz", "safetensors"):
        own = LAYOUTS["layer"]
    else:
        own = layout_named(layout)
    if layout is not None and layout_named(layout) != own:
        raise WeightsError(f"{path}: layout={layout!r}: kernels lie as {own} in this kind of file")
    if kind == "keras":
        return own, hdf5.WEIGHTS_KEYS if path.name.endswith(".weights.h5") else hdf5.KEYS
    if own == LAYOUTS["torch"]:
        return own, FORMATS["torch"].KEYS
    keys: tuple[str, str] | None = getattr(module, "KEYS", None)
    if keys is None:
        raise _whole_model(path)
    return own, keys


def _whole_model(path: Path) -> WeightsError:
    return WeightsError(f"{path}: holds a whole model: say like=, a file with the model")


def _arrays_for(
    named: Mapping[str, Any], like: str | PathLike[str], layout: str | Layout | None
) -> dict[str, Array]:
    arrays = {}
    with WeightFile(like, layout=layout) as file:
        for name, layer in named.items():
            found = file.layer(name)
            _check(file, found, layer)
            kernel, *bias = map(np.asarray, layer.get_weights())
            arrays[found.kernel.key] = found.layout.from_layer(kernel)
            if found.bias is not None:
                arrays[found.bias.key] = bias[0]
    return arrays


def write(
    path: str | PathLike[str],
    arrays: Mapping[str, npt.ArrayLike],
    *,
    like: str | PathLike[str] | None = None,
    format: str | None = None,  # noqa: A002
) -> None:
    """Write arrays by their keys, as they are.

    Args:
        path: As for `save`.
        arrays: Numbers, by key.
        like: As for `save`; the other arrays of it are kept.
        format: As for `save`.

    Raises:
        WeightsError: Something is no array of numbers, or `like` has another shape or no such key.
        OSError, ModuleNotFoundError: As `WeightFile`.
    """
    target = Path(path)
    kind = format_of(target, format, to_write=True)
    given = {key: _numbers(key, value) for key, value in arrays.items()}
    if like is not None:
        rest = _updated(target, kind, given, Path(like))
        if rest is None:
            return
        given = rest
    _store(target, kind, given, {})


def _numbers(key: str, value: npt.ArrayLike) -> Array:
    array = np.asarray(value)
    if not isinstance(key, str) or not key:
        raise WeightsError(f"{key!r}: a key is a text that is not empty")
    if array.dtype.kind not in "fiubc" and array.dtype.name != "bfloat16":
        raise WeightsError(f"{key!r}: {array.dtype.name} are no numbers")
    return array


def _updated(
    path: Path, kind: str, arrays: dict[str, Array], like: Path
) -> dict[str, Array] | None:
    """Write a copy of a model; or return all arrays to write, where the kind of file holds no model."""
    with WeightFile(like) as file:
        if file.format != kind:
            raise WeightsError(
                f"{path}: like={str(like)!r} is another kind of file: {file.format}, not {kind}"
            )
        for key, array in arrays.items():
            if key not in file:
                raise WeightsError(f"{like}: no array {key!r}: {choices(key, file)}")
            if file[key].shape != array.shape:
                raise WeightsError(
                    f"{like}: {key!r} has shape {file[key].shape}, and the new values {array.shape}"
                )
            file[key].require_numbers(like)
        there = {key: file[key] for key in arrays}
        cast = {e.key: arrays[key].astype(by_name(e.dtype)) for key, e in there.items()}
        update = getattr(FORMATS[kind], "update", None)
        if update is None:
            numeric = (key for key in file if file[key].is_numeric)
            return {key: cast[key] if key in cast else file.read(key) for key in numeric}
    with replaced(path) as out:
        update(out, like, cast)
    return None


def _store(path: Path, kind: str, arrays: Mapping[str, Array], names: Mapping[str, str]) -> None:
    if kind == "checkpoint":
        checkpoint.require_tensorflow(path)
        with replaced_checkpoint(path) as prefix:
            checkpoint.write(prefix, arrays)
        return
    store = getattr(FORMATS[kind], "write", None)
    if store is None or path.suffix == ".keras":
        raise _whole_model(path)
    with replaced(path) as out:
        store(out, arrays, names)
