"""The peers: how each library is made to compute one layer, as fast as it knows how.

What is timed is the library's own call and nothing around it. Inputs, kernel and bias are in the
layout, the array type and the number format that the library likes best before the clock runs, and
the result is left as the library hands it out: nobody pays for a conversion. Where a library can be
called in more than one way, each way is tried and the fastest is measured.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import attrs
import numpy as np
import numpy.typing as npt

from conformance.bench.layers import Layer

Array = npt.NDArray[Any]

#: Names of the peers and the modules that know them; `fast` is what the others are compared with.
PEERS: Mapping[str, str] = {
    "fast": "fast",
    "tensorflow": "tensorflow",
    "torch": "torch",
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
}


class NotSupported(Exception):  # noqa: N818 - said of a peer and a layer, no mistake of anybody's
    """The peer has no such layer; the message says why."""


@attrs.frozen(eq=False)
class Data:
    """The arrays of one layer.

    Args:
        inputs: batch, height, width, channels.
        kernel: kernel height, kernel width, filters, channels.
        bias: filters.
        output_gradient: batch, height, width, filters; only where gradients are measured.
    """

    inputs: Array
    kernel: Array
    bias: Array
    output_gradient: Array | None = None


@attrs.frozen(eq=False)
class Call:
    """One way to compute a layer.

    Args:
        run: what is timed.
        outputs: what `run` returned, as NumPy arrays: the output as batch, height, width, filters; or
            the gradients of the inputs, the kernel and the bias, laid out as in `Data`.
    """

    run: Callable[[], Any]
    outputs: Callable[[Any], list[Array]]


#: One way to compute a layer for images of any size: it takes the images and returns their call. What must be
#: done for each size anew is done when that is run.
Bind = Callable[[Array], Call]


class Peer(Protocol):
    """What a peer's module has as its class `Peer`; making one imports the library."""

    def versions(self) -> dict[str, str]:
        """Names and versions of the packages and settings that decide the time."""
        ...

    def kernels(self) -> dict[str, str]:
        """Names of the numeric libraries within, and which kernels they use here, as far as they say."""
        ...

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """Return the ways to compute the layer, or its gradients where `data` has an output's.

        Raises:
            NotSupported: there is none.
        """
        ...

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """Return the ways to compute the output where height and width change from call to call.

        Raises:
            NotSupported: there is none.
        """
        ...


def parse(spec: str) -> tuple[str, str, str]:
    """Return name, algorithm and folder of `NAME`, `fast:ALGORITHM` or `fast@FOLDER`.

    Raises:
        ValueError: no such peer.
    """
    name, _, folder = spec.partition("@")
    name, _, algorithm = name.partition(":")
    if name not in PEERS or (name != "fast" and (algorithm or folder)) or spec.endswith((":", "@")):
        known = ", ".join(PEERS)
        raise ValueError(
            f"--peer {spec!r}: there are {known}, fast:ALGORITHM and fast@FOLDER (another checkout)"
        )
    return name, algorithm, folder


def load(spec: str, threads: int) -> Peer:
    """Import a peer's library.

    Raises:
        ImportError, or whatever else the library raises when it is imported.
    """
    name, algorithm, folder = parse(spec)
    module = importlib.import_module(f"conformance.bench.peers.{PEERS[name]}")
    peer: Peer = module.Peer(threads, algorithm, folder) if name == "fast" else module.Peer(threads)
    return peer


def to_nchw(array: Array) -> Array:
    """Bring batch, height, width, channels into the order of batch, channels, height, width."""
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def to_nhwc(array: Array) -> Array:
    """Undo `to_nchw`."""
    turned: Array = array.transpose(0, 2, 3, 1)
    return turned
