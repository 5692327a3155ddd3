"""Mistakes of initial values: fans, defaults, forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.codec import Array
from conformance.strength.mistakes.mistake import Mistake, Right, arguments_changed, overridden

_TF_31192 = "github.com/tensorflow/tensorflow/issues/31192"


def _built(change: Callable[[Any, list[Array]], list[Array]]) -> type:
    """Return a layer whose weights are changed once they are made."""

    def build(self: Any, input_shape: Any) -> None:
        Right.build(self, input_shape)
        self.set_weights([np.asarray(w) for w in change(self, self.get_weights())])

    return overridden(build=build)


def _fans(_: Any, weights: list[Array]) -> list[Array]:
    kernel, *bias = weights
    filters, channels = kernel.shape[2:]
    return [kernel * kernel.dtype.type((filters / max(channels, 1)) ** 0.5), *bias]


def _scaled(_: Any, weights: list[Array]) -> list[Array]:
    return [weights[0] * weights[0].dtype.type(2), *weights[1:]]


def _forms() -> Iterator[Mistake]:
    def none_is_zeros(given: dict[str, Any]) -> None:
        if "bias_initializer" in given and given["bias_initializer"] is None:
            given["bias_initializer"] = "zeros"

    yield Mistake(
        id="bias_none_zeros", text="bias_initializer=None means zeros.", source="the page's own sentence",
        clauses=("INIT-04",), layer=arguments_changed(none_is_zeros),
    )  # fmt: skip
    yield Mistake(
        id="bias_ones", text="The default bias is ones.", source="a wrong default", clauses=("INIT-03",),
        layer=arguments_changed(lambda given: given.setdefault("bias_initializer", "ones") and None),
    )  # fmt: skip

    def unknown_is_default(given: dict[str, Any]) -> None:
        if given.get("kernel_initializer") in ("no_such", ""):
            given["kernel_initializer"] = None

    yield Mistake(
        id="initializer_unknown", text="An unknown initializer is the default one.", source="leniency",
        clauses=("INIT-05",), layer=arguments_changed(unknown_is_default),
    )  # fmt: skip

    def broadcast(given: dict[str, Any]) -> None:
        form = given.get("kernel_initializer")
        if callable(form) and not isinstance(form, type):

            def mended(shape: Any, dtype: Any = None, **more: Any) -> Any:
                values = np.asarray(form(shape, dtype=dtype, **more))
                return values if values.shape == tuple(shape) else np.zeros(shape, dtype)

            given["kernel_initializer"] = mended

    yield Mistake(
        id="initializer_misfit", text="A result of another shape is replaced by zeros.", source="leniency",
        clauses=("INIT-06",), layer=arguments_changed(broadcast),
    )  # fmt: skip

    def ones_of_integers(_: Any, weights: list[Array]) -> list[Array]:
        return [np.ones_like(w) if w.dtype.kind == "i" else w for w in weights]

    yield Mistake(
        id="integer_ones", text="An integer layer begins with ones.", source="a useful default",
        clauses=("INIT-07",), layer=_built(ones_of_integers),
    )  # fmt: skip

    def unseeded(given: dict[str, Any]) -> None:
        form = given.get("kernel_initializer")
        if isinstance(form, dict) and form.get("config", {}).get("seed") is not None:
            given["kernel_initializer"] = {**form, "config": {**form["config"], "seed": None}}

    yield Mistake(
        id="seed_ignored", text="An initializer's seed is ignored.", source="a global generator",
        clauses=("INIT-09",), layer=arguments_changed(unseeded),
    )  # fmt: skip


MISTAKES = (
    Mistake(
        id="M13_fans", text="Fan-in and fan-out are exchanged.", source=_TF_31192, clauses=("INIT-02",),
        layer=_built(_fans),
    ),
    Mistake(
        id="M13_scale", text="The default kernel initializer is twice as wide.", source=_TF_31192,
        clauses=("INIT-01", "INIT-02"), layer=_built(_scaled),
    ),
    *_forms(),
)  # fmt: skip
