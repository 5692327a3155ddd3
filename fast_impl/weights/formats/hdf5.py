"""HDF5, through h5py: Keras' ``.h5``, ``.weights.h5`` and ``.keras``.

Keras 2 keeps ``up1/up1/kernel:0``, below ``model_weights`` where the file holds a whole model. The newer
files have ``layers/conv2d_transpose/vars/0``; Keras 3 adds the layer's name as an attribute, and a ``.keras``
archive has it in its configuration.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry, check_size
from fast_impl.weights.errors import WeightsError, first_line, needs
from fast_impl.weights.layouts import LAYOUTS

Array = npt.NDArray[Any]

#: The keys of a layer's kernel and bias in a file of Keras 2, which Keras 3 reads, too.
KEYS = ("{name}/{name}/kernel:0", "{name}/{name}/bias:0")
#: The same in ``.weights.h5``, where `place` counts the layers: empty, ``_1``, ``_2`` and so on.
WEIGHTS_KEYS = (
    "layers/conv2d_transpose{place}/vars/0",
    "layers/conv2d_transpose{place}/vars/1",
)

_MEMBER = "model.weights.h5"
_VARIABLES = ("kernel", "bias")


def read(path: Path) -> Contents:
    """Read what a file holds.

    Raises:
        WeightsError: It is none, or damaged, or an array declares more values than it has, or lies in
            another file.
    """
    h5py = _h5py(path)
    config = None
    if zipfile.is_zipfile(path):
        content, config = _unpacked(path)
        source: Any = io.BytesIO(content)
    else:
        path.open("rb").close()  # a missing file is told as such
        source = path
    try:
        file = h5py.File(source, "r")
    except Exception as error:
        raise WeightsError(f"{path}: is no HDF5 file: {first_line(error)}") from None
    try:
        datasets: list[Any] = []
        # Only what lies in this file: links to others are not followed.
        file.visititems(
            lambda _, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None
        )
        known = [*_model_layers(config or _config_of_model(file))]
        layer_names = {place: name for place, name, _ in known}
        entries = {}
        for dataset in datasets:
            entry = _entry(path, dataset, layer_names)
            entries[entry.key] = entry
    except WeightsError:
        file.close()
        raise
    except Exception as error:
        file.close()
        raise WeightsError(f"{path}: is a damaged HDF5 file: {first_line(error)}") from None
    return Contents(
        entries, LAYOUTS["layer"], kinds={name: kind for _, name, kind in known}, close=file.close
    )


def _h5py(path: Any) -> Any:
    try:
        import h5py
    except ModuleNotFoundError:
        raise needs(path, "h5py", "weights") from None
    return h5py


def _unpacked(path: Path) -> tuple[bytes, Any]:
    """Return the HDF5 file in a ``.keras`` archive, and the model's configuration."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in (_MEMBER, "config.json"):
                info = archive.getinfo(name)
                check_size(path, name, (info.file_size,), 1, info.compress_size, packed=True)
            return archive.read(_MEMBER), json.loads(archive.read("config.json"))
    except KeyError as error:
        raise WeightsError(f"{path}: is no .keras archive: {first_line(error)}") from None
    except WeightsError:
        raise
    except (
        zipfile.BadZipFile,
        ValueError,
        RecursionError,
        OSError,
        EOFError,
        zlib.error,
    ) as error:
        raise WeightsError(f"{path}: is a damaged .keras archive: {first_line(error)}") from None


def _model_layers(config: Any, folder: str = "layers") -> Iterator[tuple[str, str, str]]:
    """Say of each layer of a model its place in the file, its name and its class.

    Classes are counted, as Keras does when it writes.
    """
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    counted: Counter[str] = Counter()
    for layer in layers if isinstance(layers, list) else ():
        kind, own = (
            (layer.get(k) for k in ("class_name", "config"))
            if isinstance(layer, dict)
            else (None, None)
        )
        name = own.get("name") if isinstance(own, dict) else None
        if not isinstance(kind, str) or not isinstance(name, str):
            continue
        snake = _snake_case(kind)
        place = f"{folder}/{snake}" + (f"_{counted[snake]}" if counted[snake] else "")
        counted[snake] += 1
        yield place, name, kind
        yield from _model_layers(layer, f"{place}/layers")


def _snake_case(name: str) -> str:
    # As keras.src.utils.naming.to_snake_case.
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _config_of_model(file: Any) -> Any:
    """Return the configuration in a whole model that Keras 2 wrote, or None."""
    text = file.attrs.get("model_config")
    try:
        return json.loads(text) if isinstance(text, (str, bytes)) else None
    except (ValueError, RecursionError):
        return None


def _entry(path: Path, dataset: Any, layer_names: Mapping[str, str]) -> Entry:
    key = dataset.name.lstrip("/")
    shape, dtype = dataset.shape, dataset.dtype
    if shape is None:
        return Entry(key, (), "nothing", lambda: np.empty(0))
    if dataset.is_virtual or dataset.external:
        raise WeightsError(f"{path}: {key!r} lies in another file, which is not read")
    if dtype.kind in "fiub":
        stored = dataset.id.get_storage_size()
        check_size(path, key, shape, dtype.itemsize, stored, packed=dataset.chunks is not None)
    return Entry(
        key, tuple(shape), dtype.name, lambda: dataset[()], tuple(_names(dataset, key, layer_names))
    )


def _names(dataset: Any, key: str, layer_names: Mapping[str, str]) -> Iterator[str]:
    """Say the key with the name that the layer has in its model."""
    folder, _, last = key.rpartition("/")
    if folder.endswith("/vars") and last.isdecimal() and int(last) < 2:
        name = layer_names.get(folder.removesuffix("/vars")) or dataset.parent.attrs.get("name")
        if isinstance(name, str) and name:
            yield f"{name}/{_VARIABLES[int(last)]}"
        return
    group = dataset.parent
    while group.name != "/" and "weight_names" not in group.attrs:
        group = group.parent
    if group.name != "/":
        listed = [_text(name) for name in group.attrs["weight_names"]]
        ends = [name.rsplit("/", 1)[-1] for name in listed]
        own = key.removeprefix(group.name.lstrip("/") + "/")
        # A group of a nested model holds several layers.
        layer = group.name.rsplit("/", 1)[-1]
        short = f"{layer}/{last}" if len(set(ends)) == len(ends) else own
        yield short.removesuffix(":0")


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def write(file: IO[bytes], arrays: Mapping[str, Array], names: Mapping[str, str]) -> None:
    """Write a file of weights that Keras loads.

    Args:
        file: Where to.
        arrays: By keys such as `KEYS` or `WEIGHTS_KEYS`.
        names: Layers' names, by the keys of their kernels.
    """
    h5py = _h5py(file.name)
    with h5py.File(file, "w") as made:
        for key, array in arrays.items():
            try:
                made[key] = array
            except OSError as error:
                raise WeightsError(
                    f"{key!r} is no key of an HDF5 file: {first_line(error)}"
                ) from None
        if all("/vars/" in key for key in arrays):
            made.create_group("vars")  # the model's own
            for key, name in names.items():
                made[key].parent.attrs["name"] = name
            return
        made.attrs["layer_names"] = [
            name.encode() for name in dict.fromkeys(k.split("/")[0] for k in arrays)
        ]
        made.attrs["backend"], made.attrs["keras_version"] = "tensorflow", "2.15.0"
        for layer in {key.split("/")[0] for key in arrays}:
            own = [key.removeprefix(f"{layer}/") for key in arrays if key.startswith(f"{layer}/")]
            if isinstance(made[layer], h5py.Group):
                made[layer].attrs["weight_names"] = [name.encode() for name in own]


def update(file: IO[bytes], like: Path, arrays: Mapping[str, Array]) -> None:
    """Write a copy of a file in which some arrays have other values.

    Args:
        file: Where to.
        like: The file; a ``.keras`` archive, too.
        arrays: The new values, of the shapes that are there.
    """
    h5py = _h5py(like)
    if not zipfile.is_zipfile(like):
        with like.open("rb") as source:
            shutil.copyfileobj(source, file)
        file.seek(0)
        with h5py.File(file, "r+") as made:
            _replace(made, arrays)
        return
    content = io.BytesIO(_unpacked(like)[0])
    with h5py.File(content, "r+") as made:
        _replace(made, arrays)
    with zipfile.ZipFile(like) as source_archive, zipfile.ZipFile(file, "w") as target:
        for info in source_archive.infolist():
            value = content.getvalue() if info.filename == _MEMBER else source_archive.read(info)
            target.writestr(info, value)


def _replace(file: Any, arrays: Mapping[str, Array]) -> None:
    for key, array in arrays.items():
        file[key][...] = np.asarray(array)
