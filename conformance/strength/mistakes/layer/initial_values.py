"""Mistakes of initial values: fans, defaults, forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
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


def _distributions() -> Iterator[Mistake]:
    def drawn(
        names: tuple[Any, ...],
        draw: Callable[[np.random.Generator, Any], Any],
        place: str = "kernel",
    ) -> type:
        """Return a layer in which `draw(generator, shape)` makes what initializers of these names make."""
        argument = f"{place}_initializer"

        def make(shape: Any, dtype: Any = None, **_: Any) -> Any:
            return np.asarray(draw(np.random.default_rng(), tuple(shape))).astype(dtype)

        def change(given: dict[str, Any]) -> None:
            form = given.get(argument)
            name = form.get("class_name") if isinstance(form, dict) else form
            if (name in names) and (place == "kernel" or argument in given):
                given[argument] = make

        return arguments_changed(change)

    def cut(generator: np.random.Generator, shape: Any, limit: float = 2.0) -> Array:
        values: Array = generator.standard_normal(shape)
        while (outside := np.abs(values) > limit).any():
            values[outside] = generator.standard_normal(int(outside.sum()))
        return values

    def fans(shape: tuple[int, ...]) -> tuple[float, float]:
        area = float(np.prod(shape[:-2]))
        return area * shape[-2], area * shape[-1]

    def orthonormal(
        generator: np.random.Generator,
        shape: tuple[int, ...],
        source: Callable[[Any], Array] | None = None,
    ) -> Array:
        rows, columns = int(np.prod(shape[:-1])), shape[-1]
        matrix = (source or generator.standard_normal)((max(rows, columns), min(rows, columns)))
        found = np.linalg.qr(matrix)[0]
        result: Array = (found if rows >= columns else found.T).reshape(shape)
        return result

    def glorot(shape: tuple[int, ...]) -> float:
        return float((2 / sum(fans(shape))) ** 0.5)

    default = (None, "glorot_uniform")
    table: dict[str, tuple[str, str, tuple[str, ...], type]] = {
        "glorot_normal": (
            "The default kernel is Glorot normal.", "a mixed-up name", ("INIT-01",),
            drawn(default, lambda g, s: cut(g, s) * glorot(s) / 0.8796256610342398)),
        "uniform_wide": (
            "The default kernel is 4 % too wide.", "fans counted without the border", ("INIT-01",),
            drawn(default, lambda g, s: g.uniform(-1, 1, s) * 3**0.5 * glorot(s) * 1.04)),
        "uniform_coarse": (
            "The default kernel has 256 levels.", "eight random bits", ("INIT-01",),
            drawn(default, lambda g, s: (g.integers(0, 256, s) / 127.5 - 1) * 3**0.5 * glorot(s))),
        "uniform_shifted": (
            "The default kernel's mean is not zero.", "an open interval", ("INIT-01",),
            drawn(default, lambda g, s: (g.uniform(-1, 1, s) + 0.06) * 3**0.5 * glorot(s))),
        "filters_alike": (
            "Every filter begins with the same values.", "broadcasting", ("INIT-01",),
            drawn(default, lambda g, s: np.broadcast_to(
                g.uniform(-1, 1, (*s[:2], 1, s[3])) * 3**0.5 * glorot(s), s))),
        "periodic": (
            "The values repeat after 997.", "a short generator", ("INIT-01",),
            drawn(default, lambda g, s: np.resize(g.uniform(-1, 1, 997) * 3**0.5 * glorot(s), s))),
        "cut_narrow": (
            "Truncated normals are 12 % too narrow: the cut is not made up for.", "a missing constant",
            ("INIT-02",),
            drawn(("he_normal",), lambda g, s: cut(g, s) * (2 / fans(s)[0]) ** 0.5)),
        "cut_narrow_lecun": (
            "lecun_normal is 12 % too narrow.", "a missing constant", ("INIT-02",),
            drawn(("lecun_normal",), lambda g, s: cut(g, s) * (1 / fans(s)[0]) ** 0.5)),
        "not_cut": (
            "he_normal is not cut off at two deviations.", "a plain normal", ("INIT-02",),
            drawn(("he_normal",), lambda g, s: g.standard_normal(s) * (2 / fans(s)[0]) ** 0.5)),
        "cut_at_3": (
            "glorot_normal is cut off at three deviations.", "another constant", ("INIT-02",),
            drawn(("glorot_normal",), lambda g, s: cut(g, s, 3.0) * glorot(s) / 0.98658)),
        "normal_cut": (
            "random_normal is cut off at two deviations.", "truncated_normal for random_normal", ("INIT-02",),
            drawn(("random_normal",), lambda g, s: cut(g, s) * 0.05)),
        "positive": (
            "random_uniform is never negative.", "another range", ("INIT-02",),
            drawn(("random_uniform",), lambda g, s: g.uniform(0, 0.05, s))),
        "fan_of_channels": (
            "The fans do not count the taps.", "a dense layer's rule", ("INIT-02",),
            drawn(("he_uniform",), lambda g, s: g.uniform(-1, 1, s) * (6 / s[2]) ** 0.5)),
        "fan_average": (
            "lecun_uniform uses the mean of the fans.", "Glorot's rule", ("INIT-02",),
            drawn(("lecun_uniform",), lambda g, s: g.uniform(-1, 1, s) * (6 / sum(fans(s))) ** 0.5)),
        "scaling_mode": (
            "VarianceScaling uses fan_in whatever its mode.", "an ignored argument", ("INIT-02",),
            drawn(("VarianceScaling",), lambda g, s: cut(g, s) / 0.8796256610342398 * (1 / fans(s)[0]) ** 0.5)),
        "scaling_uniform": (
            "VarianceScaling is uniform whatever its distribution.", "an ignored argument", ("INIT-02",),
            drawn(("VarianceScaling",), lambda g, s: g.uniform(-1, 1, s) * (3 / fans(s)[1]) ** 0.5)),
        "bias_fan": (
            "bias_initializer=None takes one fan of the bias to be 1.", "another reading of a vector's fans",
            ("INIT-04",), drawn((None,), lambda g, s: g.uniform(-1, 1, s) * (6 / (s[0] + 1)) ** 0.5, "bias")),
        "one_generator": (
            "Every layer's default kernel begins alike.", "a generator with a fixed seed", ("INIT-01",),
            drawn((None,), lambda _, s: np.random.default_rng(0).uniform(-1, 1, s) * (6 / sum(fans(s))) ** 0.5)),
        "orthogonal_uniform": (
            "The numbers of an orthogonal kernel are uniform.", "a decomposition of uniform numbers", ("INIT-05",),
            drawn(("orthogonal",), lambda g, s: orthonormal(g, s, lambda shape: g.uniform(-1, 1, shape)))),
        "orthogonal_shifted": (
            "Orthogonal kernels prefer a direction.", "a decomposition of numbers around 1", ("INIT-05",),
            drawn(("orthogonal",), lambda g, s: orthonormal(g, s, lambda shape: g.normal(1, 1, shape)))),
        "orthogonal_gain": (
            "orthogonal leaves its gain out.", "an ignored option", ("INIT-05",),
            drawn(("orthogonal", "Orthogonal"), orthonormal)),
        "bias_normal": (
            "bias_initializer=None is Glorot normal.", "a mixed-up name", ("INIT-04",),
            drawn((None,), lambda g, s: cut(g, s) / 0.8796256610342398 * (1 / s[0]) ** 0.5, "bias")),
    }  # fmt: skip
    for name, (text, source, clauses, layer) in table.items():
        yield Mistake(id=f"initial_{name}", text=text, source=source, clauses=clauses, layer=layer)


def _integers() -> Iterator[Mistake]:
    def drawn(draw: Callable[[Any, Any, Any], Array], least: float) -> type:
        """Return a layer in which `draw(minval, maxval, shape)` makes what random_uniform makes of integers.

        Ranges that are narrower than `least` are left to it.
        """

        def change(given: dict[str, Any]) -> None:
            form = given.get("kernel_initializer")
            if given.get("dtype") != "int32" or not isinstance(form, dict):
                return
            low, high = (form["config"].get(*end) for end in (("minval", -0.05), ("maxval", 0.05)))
            if high - low >= least:
                given["kernel_initializer"] = lambda shape, dtype=None, **_: draw(
                    low, high, tuple(shape)
                ).astype(dtype)

        return arguments_changed(change)

    random = np.random.default_rng()
    for name, text, source, layer in (
        (
            "closed", "random_uniform of integers draws maxval, too.", "another library's ends",
            drawn(lambda low, high, shape: random.integers(low, high, shape, endpoint=True), 1),
        ),
        (
            "cut", "random_uniform of integers cuts numbers between its ends.", "one path for all dtypes",
            drawn(random.uniform, 0),
        ),
    ):  # fmt: skip
        yield Mistake(
            id=f"initial_integers_{name}", text=text, source=source, clauses=("INIT-07",), layer=layer,
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
    *_distributions(),
    *_integers(),
)  # fmt: skip
