"""Mistakes of gradients, losses, constraints, weights and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fast_impl
from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Mistake,
    Right,
    arguments_changed,
    inherited,
    loss_gradients_changed,
    overridden,
)

_CANDLE = "github.com/huggingface/candle/pull/2337"


def _gradients() -> Iterator[Mistake]:
    def changed(place: int, change: Callable[[Any, Array, Array], Array]) -> type:
        def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
            found: list[Any] = list(Right.gradients(self, inputs, output_gradient))
            if found[place] is not None:
                found[place] = change(found[place], np.asarray(inputs), np.asarray(output_gradient))
            return fast_impl.functional.Gradients(*found)

        return overridden(gradients=gradients)

    ways: dict[str, tuple[str, int, Callable[..., Array]]] = {
        "M22_input_shifted": ("The input gradient is shifted by one.", 0, lambda g, *_: np.roll(g, 1, 2)),
        "M22_input_flipped": ("The input gradient is upside down.", 0, lambda g, *_: g[:, ::-1].copy()),
        "M22_input_doubled": ("The input gradient is doubled.", 0, lambda g, *_: 2 * g),
        "M23_first_image": (
            "The kernel gradient is not summed over the batch.", 1, lambda g, x, _: g / max(len(x), 1)),
        "M23_flipped": ("The kernel gradient is flipped.", 1, lambda g, *_: g[::-1, ::-1].copy()),
        "M23_exchanged": (
            "Height and width of the kernel gradient are exchanged.", 1,
            lambda g, *_: g.swapaxes(0, 1).reshape(g.shape)),
        "M23_zero": ("The kernel gradient is zero.", 1, lambda g, *_: np.zeros_like(g)),
        "bias_gradient_mean": (
            "The bias gradient is a mean instead of a sum.", 2, lambda g, _, dy: g * g.size / max(dy.size, 1)),
        "bias_gradient_reversed": ("The bias gradients are reversed.", 2, lambda g, *_: g[::-1].copy()),
    }  # fmt: skip
    for name, (text, place, change) in ways.items():
        yield Mistake(
            id=name,
            text=text,
            source=_CANDLE,
            clauses=("GRAD-01", "GRAD-02") if place == 2 else ("GRAD-01",),
            layer=changed(place, change),
        )

    def refuses(self: Any, inputs: Any, output_gradient: Any) -> Any:
        if np.size(inputs) == 0:
            raise ValueError("empty")
        return Right.gradients(self, inputs, output_gradient)

    yield Mistake(
        id="gradient_refuses_empty",
        text="The gradient of an empty input is refused.",
        source="github.com/tensorflow/tensorflow/issues/57715",
        clauses=("GRAD-05", "KILL-01"),
        layer=overridden(gradients=refuses),
    )

    yield Mistake(
        id="gradient_of_penalty_halved",
        text="The gradient of a weight's penalty is half of it, as if l2 meant w^2/2.",
        source="PyTorch's weight_decay means w^2/2: a factor carried over is off by two.",
        clauses=("GRAD-04",),
        layer=overridden(**loss_gradients_changed(lambda g: g / 2)),
    )

    def wrong_small(self: Any, inputs: Any, output_gradient: Any) -> Any:
        found = Right.gradients(self, inputs, output_gradient)
        if self.kernel_size == (1, 1) and self.strides[0] > 1:
            return found._replace(kernel=found.kernel + found.kernel.dtype.type(1))
        return found

    yield Mistake(
        id="gradient_of_1x1",
        text="The kernel gradient of a 1x1 kernel with a stride reads beyond its buffer.",
        source="github.com/uxlfoundation/oneDNN/issues/6035",
        clauses=("KILL-02",),
        layer=overridden(gradients=wrong_small),
    )


def _losses() -> Iterator[Mistake]:
    def changed(change: Callable[[Any, list[Any]], Any]) -> type:
        return overridden(
            losses=property(lambda self: change(self, list(inherited(self, "losses"))))
        )

    def scale_activity(factor: Callable[[Any], float]) -> Callable[[Any, list[Any]], Any]:
        def change(layer: Any, losses: list[Any]) -> list[Any]:
            if layer.activity_regularizer and losses and hasattr(layer, "_batch"):
                losses[0] = np.asarray(losses[0] * factor(layer), losses[0].dtype)
            return losses

        return change

    def noting(members: type) -> type:
        def call(self: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if np.ndim(inputs) == 4:
                self._batch = len(inputs)
            return Right.__call__(self, inputs, *args, **kwargs)

        return type("Wrong", (members,), {"__call__": call})

    keras = "github.com/keras-team/keras/issues/22018"
    yield Mistake(
        id="M15_undivided", text="The activity penalty is not divided by the batch size.", source=keras,
        clauses=("LOSS-02",), layer=noting(changed(scale_activity(lambda layer: layer._batch))),
    )  # fmt: skip
    yield Mistake(
        id="M15_twice", text="The activity penalty is divided by the batch size twice.", source=keras,
        clauses=("LOSS-02",), layer=noting(changed(scale_activity(lambda layer: 1 / max(layer._batch, 1)))),
    )  # fmt: skip

    def empty(layer: Any, found: list[Any]) -> list[Any]:
        return [found[0] + 1, *found[1:]] if getattr(layer, "_batch", 1) == 0 else found

    yield Mistake(
        id="M15_empty", text="The activity penalty of an empty batch is one.", source=keras,
        clauses=("LOSS-03",),
        layer=noting(changed(empty)),
    )  # fmt: skip
    orders: dict[str, tuple[str, tuple[str, ...], Callable[[Any, list[Any]], Any]]] = {
        "losses_reversed": ("Losses are listed in the reverse order.", ("LOSS-04",), lambda _, f: f[::-1]),
        "losses_doubled": ("Every loss is doubled.", ("LOSS-01", "LIFE-03"), lambda _, f: [2 * x for x in f]),
        "losses_empty": ("There are no losses.", ("LOSS-01", "LOSS-04", "VAR-08"), lambda *_: []),
        "losses_untrainable": (
            "An untrainable layer has no losses.", ("LOSS-11",),
            lambda layer, f: f if layer.trainable else []),
        "losses_exact_factor": (
            "The factor of l2 is a float64 in a float64 layer.", ("LOSS-12",),
            lambda _, f: [x * (0.01 / float(np.float32(0.01))) if x.dtype == np.float64 else x for x in f]),
        "losses_summed": ("Losses are given as one sum.", ("LOSS-04", "LOSS-09"), lambda _, f: sum(f)),
    }  # fmt: skip
    for name, (text, clauses, change) in orders.items():
        yield Mistake(
            id=name,
            text=text,
            source="a loss added up by hand",
            clauses=clauses,
            layer=changed(change),
        )

    def kept(layer: Any, found: list[Any]) -> list[Any]:
        known = layer.__dict__.setdefault("_known_losses", list(found))
        if len(known) != len(found):
            layer._known_losses = known = list(found)
        return list(known)

    yield Mistake(
        id="losses_stale", text="Weight losses are computed once and kept.", source="a cache",
        clauses=("LOSS-01", "LOSS-06"), layer=changed(kept),
    )  # fmt: skip

    def growing(layer: Any, found: list[Any]) -> list[Any]:
        grown = layer.__dict__.setdefault("_grown", [])
        if layer.activity_regularizer and found:
            grown.append(found[0])
        return [*grown[:-1], *found]

    yield Mistake(
        id="losses_accumulate", text="Activity losses of earlier calls stay listed.",
        source="graph mode's way in eager mode", clauses=("LOSS-05",), layer=changed(growing),
    )  # fmt: skip
    yield Mistake(
        id="activity_before_activation", text="The activity penalty is of the output before the activation.",
        source="a fused activation", clauses=("ACT-03",), layer=_linear_penalty(),
    )  # fmt: skip
    yield Mistake(
        id="losses_for_everything", text="get_losses_for returns every loss for anything.",
        source="a method nobody uses", clauses=("LOSS-07",),
        layer=overridden(get_losses_for=lambda self, _: self.losses),
    )  # fmt: skip
    yield Mistake(
        id="updates_none", text="get_updates_for returns None.", source="a method nobody uses",
        clauses=("LOSS-08",), layer=overridden(get_updates_for=lambda *_: None),
    )  # fmt: skip


def _linear_penalty() -> type:
    def losses(self: Any) -> Any:
        found = list(inherited(self, "losses"))
        if (
            self.activity_regularizer
            and found
            and getattr(self.activation, "__name__", "") == "relu"
        ):
            found[0] = found[0] + found[0].dtype.type(1)
        return found

    return overridden(losses=property(losses))


def _steps() -> Iterator[Mistake]:
    def stepping(how: Callable[..., None]) -> type:
        return overridden(apply_gradients=how)

    def before(self: Any, gradients: Any, learning_rate: float) -> None:
        kernel = self.kernel_constraint
        if kernel is not None:
            weights = self.get_weights()
            weights[0] = np.asarray(kernel(weights[0]), weights[0].dtype)
            self.set_weights(weights)
        self.kernel_constraint, kept = None, kernel
        _plain_step(self, gradients, learning_rate)
        self.kernel_constraint = kept

    def none(self: Any, gradients: Any, learning_rate: float) -> None:
        _plain_step(self, gradients, learning_rate)

    def uphill(self: Any, gradients: Any, learning_rate: float) -> None:
        Right.apply_gradients(self, gradients, -learning_rate)

    def twice(self: Any, gradients: Any, learning_rate: float) -> None:
        Right.apply_gradients(self, gradients, learning_rate)
        Right.apply_gradients(self, [0 * g if g is not None else None for g in gradients], 0.0)

    def kernel_only(self: Any, gradients: Any, learning_rate: float) -> None:
        bias = self.get_weights()[1:]
        Right.apply_gradients(self, gradients, learning_rate)
        self.set_weights([self.get_weights()[0], *bias])

    def untrainable(self: Any, gradients: Any, learning_rate: float) -> None:
        if self.trainable:
            Right.apply_gradients(self, gradients, learning_rate)

    def whatever_fits(self: Any, gradients: Any, learning_rate: float) -> None:
        try:
            Right.apply_gradients(self, gradients, learning_rate)
        except (ValueError, TypeError):
            return

    ways: dict[str, tuple[str, tuple[str, ...], Callable[..., None]]] = {
        "M14_before": ("The constraint is applied before the step.", ("CONS-01", "CONS-04"), before),
        "M14_never": (
            "Constraints are not applied.",
            ("CONS-01", "CONS-06", "CONS-09", "CONS-10", "CONS-11", "CONS-12"), none),
        "uphill": ("The step goes uphill.", ("CONS-01", "LIFE-02"), uphill),
        "M14_twice": ("The constraint is applied twice.", ("CONS-04",), twice),
        "kernel_only": ("The bias is not trained.", ("CONS-06",), kernel_only),
        "untrainable_silent": ("Training an untrainable layer does nothing.", ("CONS-08",), untrainable),
        "misfits_ignored": ("A projection that does not fit is ignored.", ("CONS-05",), whatever_fits),
    }  # fmt: skip
    for name, (text, clauses, how) in ways.items():
        yield Mistake(
            id=name,
            text=text,
            source="a training loop of one's own",
            clauses=clauses,
            layer=stepping(how),
        )

    def decayed(self: Any, gradients: Any, learning_rate: float) -> None:
        slope = getattr(self.kernel_regularizer, "gradient", None)
        steps = [*gradients] if isinstance(gradients, (list, tuple)) else [None]
        if slope is not None and steps[0] is not None:
            steps[0] = steps[0] + slope(self.kernel)
            gradients = steps
        Right.apply_gradients(self, gradients, learning_rate)

    yield Mistake(
        id="step_decays", text="A step adds the gradients of the penalties.", source="weight decay",
        clauses=("CONS-06", "CONS-01"), layer=overridden(apply_gradients=decayed),
    )  # fmt: skip

    def other_axis(given: dict[str, Any]) -> None:
        names = {"max_norm": "MaxNorm", "unit_norm": "UnitNorm", "min_max_norm": "MinMaxNorm"}
        form = given.get("kernel_constraint")
        if isinstance(form, str) and form in names:
            given["kernel_constraint"] = {"class_name": names[form], "config": {"axis": [0, 1, 2]}}

    yield Mistake(
        id="M14_axis", text="Norm constraints run over (0, 1, 2) by default.",
        source="the Keras documentation of norm constraints", clauses=("CONS-09",),
        layer=arguments_changed(other_axis),
    )  # fmt: skip

    def lenient(given: dict[str, Any]) -> None:
        if given.get("kernel_constraint") in ("non_pos", 7):
            given["kernel_constraint"] = None

    yield Mistake(
        id="constraint_unknown", text="Unknown constraints are ignored.", source="leniency",
        clauses=("CONS-07",), layer=arguments_changed(lenient),
    )  # fmt: skip


def _plain_step(layer: Any, gradients: Any, learning_rate: float) -> None:
    weights = layer.get_weights()
    steps = [
        w if g is None else (w - w.dtype.type(learning_rate) * g).astype(w.dtype)
        for w, g in zip(weights, gradients)
    ]
    layer.set_weights(steps)


MISTAKES = (*_gradients(), *_losses(), *_steps())
