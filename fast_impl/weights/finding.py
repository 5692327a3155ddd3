"""Which arrays of a file make a layer: by their keys, as frameworks spell them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fast_impl.weights.contents import Contents, Entry, StoredLayer
from fast_impl.weights.layouts import LAYOUTS, Layout

_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# The ends of a kernel's key and of its bias': Keras 2, TensorFlow's checkpoints, Keras 3 and JAX,
# PyTorch, TF-slim, Keras 3's files, and the rest.
_ENDS = (
    ("kernel:0", "bias:0"),
    (f"kernel{_VALUE}", f"bias{_VALUE}"),
    ("kernel", "bias"),
    ("weight", "bias"),
    ("weights", "biases"),
    ("vars/0", "vars/1"),
    ("w", "b"),
)
# What training keeps beside the weights.
_ASIDE = re.compile(
    r"(^|[/.])(optimizer|optimizer_weights|\.OPTIMIZER_SLOT|_optimizer|metrics)([/.]|$)"
)


def found_layers(contents: Contents, layout: Layout | None) -> list[StoredLayer]:
    """Return the layers of a file, in its order.

    Args:
        contents: The file's.
        layout: How kernels lie, where the caller knows it better.
    """
    if contents.layers is not None:
        return contents.layers
    return list(_layers(contents, layout))


def _layers(contents: Contents, layout: Layout | None) -> Iterator[StoredLayer]:
    by_name = {name: entry for entry in contents.entries.values() for name in entry.names}
    for entry in contents.entries.values():
        if len(entry.shape) != 4 or not entry.is_numeric or _ASIDE.search(entry.key):
            continue
        prefix, end, bias_key = _split(entry.key)
        if not end and (":" in entry.key or entry.key.rpartition("/")[0] in contents.entries):
            continue  # Keras' other variables, and what an optimizer keeps: up1/kernel/Adam
        bias = contents.entries.get(bias_key) or by_name.get(bias_key)
        names = [_split(name)[0] for name in entry.names]
        name = (names or [prefix or entry.key])[0]
        kind = contents.kinds.get(name.rsplit("/", 1)[-1])
        lies = layout or contents.layout or _by_end(end)
        yield StoredLayer(name, entry, bias, lies, kind, names=(*names, prefix))


def _split(key: str) -> tuple[str, str, str]:
    """Return the layer's part of a kernel's key, the rest, and the key of the bias."""
    for end, bias in _ENDS:
        if key == end:
            return "", end, bias
        if key.endswith((f"/{end}", f".{end}")):
            return key[: -len(end) - 1], end, key[: -len(end)] + bias
    return key, "", ""


def _by_end(end: str) -> Layout:
    return LAYOUTS["torch"] if end == "weight" else LAYOUTS["layer"]


def bias_of(entry: Entry) -> str:
    """Return the key that the bias beside a kernel has."""
    return _split(entry.key)[2]
