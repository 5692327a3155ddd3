"""NumPy's ``.npz``: a zip archive of arrays. Objects, which would be pickled, are refused."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from fast_impl.weights.contents import Contents, Entry, check_size
from fast_impl.weights.errors import WeightsError, first_line

Array = npt.NDArray[Any]

#: The keys of a layer's kernel and bias.
KEYS = ("{name}/kernel", "{name}/bias")

_SUFFIX = ".npy"
_FORMAT: Any = np.lib.format


def read(path: Path) -> Contents:
    """Read what an archive holds.

    Raises:
        WeightsError: It is none, or damaged, or an array declares more values than it has.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise WeightsError(f"{path}: is no .npz archive: {first_line(error)}") from None
    try:
        entries = {}
        for info in archive.infolist():
            key = info.filename.removesuffix(_SUFFIX)
            if key == info.filename:
                raise WeightsError(f"{path}: {key!r} in the archive is no array (.npy)")
            if key in entries:
                raise WeightsError(f"{path}: {key!r} is twice in the archive")
            entries[key] = _entry(path, archive, info, key)
    except BaseException:
        archive.close()
        raise
    return Contents(entries, close=archive.close)


def _entry(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str) -> Entry:
    try:
        with archive.open(info) as file:
            version = _FORMAT.read_magic(file)
            header = {
                (1, 0): _FORMAT.read_array_header_1_0,
                (2, 0): _FORMAT.read_array_header_2_0,
            }[version]
            shape, _, dtype = header(file)
            begins = file.tell()
    except KeyError:
        raise WeightsError(f"{path}: {key!r} holds records, not an array of numbers") from None
    except Exception as error:
        raise WeightsError(f"{path}: {key!r} is damaged or no array: {first_line(error)}") from None
    # Objects are listed; their values are never read.
    if not dtype.hasobject:
        check_size(path, key, shape, dtype.itemsize, info.file_size - begins)
        check_size(path, key, (info.file_size,), 1, info.compress_size, packed=True)

    def values() -> Array:
        with archive.open(info) as file:
            found: Array = _FORMAT.read_array(file, allow_pickle=False)
        return found

    return Entry(key, tuple(shape), dtype.name, values)


def write(file: IO[bytes], arrays: Mapping[str, Array], names: Mapping[str, str]) -> None:  # noqa: ARG001
    """Write an archive, uncompressed as ``np.savez`` does.

    Raises:
        WeightsError: A number format that the archive has no name for.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            if array.dtype.kind not in "fiubc":
                raise WeightsError(
                    f"{key!r}: an .npz archive has no {array.dtype.name}; write .safetensors, or convert it"
                )
            with archive.open(key + _SUFFIX, "w", force_zip64=True) as member:
                _FORMAT.write_array(member, array, allow_pickle=False)
