"""fast_impl: the layer, or one algorithm of the planner (`fast:planar`)."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.bench import kernels
from conformance.bench.layers import Layer
from conformance.bench.peers import Array, Bind, Call, Data, NotSupported, to_nchw, to_nhwc


class Peer:
    """The layer, called on NumPy arrays in the layer's own data format.

    Args:
        threads: most threads; the driver also sets FAST_IMPL_NUM_THREADS for the layer.
        algorithm: one of the planner's, or empty for the planner's choice.
        folder: a checkout with another version of fast_impl, or empty for the installed one.
    """

    def __init__(self, threads: int, algorithm: str = "", folder: str = "") -> None:
        if folder:
            if not (Path(folder) / "fast_impl").is_dir():
                raise ImportError(f"{folder!r} has no folder fast_impl")
            sys.path.insert(0, folder)
        import fast_impl

        if algorithm and algorithm not in fast_impl.algorithms():
            known = ", ".join(fast_impl.algorithms())
            raise ImportError(f"fast_impl has no algorithm {algorithm!r}, but {known}")
        self._library: Any = fast_impl
        self._threads, self._algorithm, self._is_elsewhere = threads, algorithm, bool(folder)

    def versions(self) -> dict[str, str]:
        """NumPy and SciPy, and the project's own version unless it is somebody's checkout."""
        names = ["numpy", "scipy"] + ["conv2d-transpose-conformance"] * (not self._is_elsewhere)
        found = {}
        for name in names:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:  # run from a source tree
                continue
        return found

    def kernels(self) -> dict[str, str]:
        """What kernels are generated for, and what the BLAS computes with."""
        found = kernels.openblas()
        try:
            native: Any = importlib.import_module("fast_impl.kernels.native")
            target = native.target()
        except (ImportError, AttributeError):  # another checkout's, of before there were any
            return found
        return {"fast_impl": "none generated" if target is None else target.name, **found}

    def prepare(self, layer: Layer, data: Data) -> dict[str, Callable[[], Call]]:
        """One way, named after the algorithm that the plan chose."""
        first = layer.data_format == "channels_first"
        inputs = to_nchw(data.inputs) if first else data.inputs
        plan = self._plan(layer, inputs)
        if data.output_gradient is not None:
            return {"gradients": lambda: self._gradients(layer, data)}
        if self._algorithm:
            packed = plan.pack(data.kernel)
            run = lambda: plan.run(inputs, packed, bias=data.bias)  # noqa: E731
        else:
            run = _bound(self._layer(layer, data), inputs)
        return {plan.algorithm: lambda: Call(run, lambda y: [to_nhwc(y) if first else y])}

    def varying(self, layer: Layer, data: Data) -> dict[str, Callable[[], Bind]]:
        """One way: the layer itself, or a plan for each size of one algorithm."""
        first = layer.data_format == "channels_first"
        made = None if self._algorithm else self._layer(layer, data)
        if made is None:
            self._plan(layer, to_nchw(data.inputs) if first else data.inputs)

        def bind(inputs: Array) -> Call:
            images = to_nchw(inputs) if first else inputs

            def planned() -> Any:
                plan = self._plan(layer, images)
                return plan.run(images, plan.pack(data.kernel), bias=data.bias)

            run = planned if made is None else _bound(made, images)
            return Call(run, lambda y: [to_nhwc(y) if first else y])

        return {self._algorithm or "layer": lambda: bind}

    def _plan(self, layer: Layer, inputs: Array) -> Any:
        """Plan for these images.

        Raises:
            NotSupported: the algorithm that is wanted does not apply.
        """
        plan = self._library.plan(
            inputs.shape, layer.kernel_shape, layer.strides,
            layer.padding, layer.data_format,
            dtype=layer.dtype, algorithm=self._algorithm or None, threads=self._threads,
        )  # fmt: skip
        if self._algorithm and plan.algorithm != self._algorithm:
            raise NotSupported(f"{self._algorithm} does not apply to this layer")
        return plan

    def _layer(self, layer: Layer, data: Data) -> Any:
        return self._library.Conv2DTranspose(
            layer.filters, layer.kernel_size, strides=layer.strides, padding=layer.padding,
            data_format=layer.data_format, dtype=layer.dtype, weights=[data.kernel, data.bias],
        )  # fmt: skip

    def _gradients(self, layer: Layer, data: Data) -> Call:
        if self._algorithm:
            raise NotSupported("algorithms are chosen for the forward direction only")
        first = layer.data_format == "channels_first"
        assert data.output_gradient is not None
        inputs, given = data.inputs, data.output_gradient
        if first:
            inputs, given = to_nchw(inputs), to_nchw(given)
        made = self._layer(layer, data)
        made(inputs)

        def outputs(found: Any) -> list[Any]:
            images, *weights = found
            return [to_nhwc(images) if first else images, *weights]

        return Call(lambda: made.gradients(inputs, given), outputs)


def _bound(layer: Any, inputs: Any) -> Callable[[], Any]:
    return lambda: layer(inputs)
