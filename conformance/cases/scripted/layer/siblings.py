"""Scripts about layers that differ from each other in one argument alone, or of which one is made of another.

What is planned, packed or kept for one of them is no matter of the next: each gives its own numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.cases.scripted.expected import Arrays, Gives, Numbers, SameAs, Typed
from conformance.cases.scripted.script import INPUTS, SIZES, Line, Script, both, then
from conformance.model import steps
from conformance.model.values.codec import Value

_BASE: dict[str, Value] = {
    "filters": 3,
    "kernel_size": [2, 2],
    "name": "sibling",
    "kernel_initializer": {"function": "count up"},
    "bias_initializer": {"function": "count up"},
}
#: Sizes that are alike, so that every one of them takes the same arrays.
_CUBE = small_integers((1, 3, 3, 3), 1)
#: A difference of one is hardly any, and all sums are exact.
_LARGE = np.full((2, 2, 3, 3), 2.0**17)
_OTHERS: tuple[dict[str, Value], ...] = (
    {"padding": "same"},
    {"dilation_rate": 2},
    {"data_format": "channels_first"},
    {"strides": [2, 1]},
    {"strides": 3},
    {"strides": 3, "output_padding": 0},
    {"strides": 3, "output_padding": [1, 2]},
    {"activation": "relu"},
    {"use_bias": False},
    # As many taps, as many rows, and other filters.
    {"kernel_size": [4, 1]},
    {"kernel_size": [1, 4]},
    {"kernel_size": [2, 3]},
    {"filters": 4},
)


def _one_after_the_other() -> Iterator[Line]:
    yield both(steps.Call(_CUBE), Numbers())
    for number, more in enumerate(_OTHERS):
        yield from then(steps.Construct(f"sibling {number}", {**_BASE, **more}))
        yield both(steps.Call(_CUBE), Numbers())
    # The memory of weights that are gone may be that of the next ones, or of those after them.
    yield from then(steps.Use("layer"))
    for seed in range(8):
        again = small_integers((2, 2, 3, 3), seed), small_integers((3,), seed)
        for given in (*[(np.flip(again[0]).copy(), again[1])] * (seed % 3), again):
            yield from then(steps.SetWeights(given))
        yield both(steps.Call(_CUBE), Numbers())
    # So is an input of which hardly anything has changed.
    for place in (None, 0, 17, 601, 1198, 1199):
        inputs = small_integers((1, 20, 20, 3), 1)
        if place is not None:
            inputs.reshape(-1)[place] += 1
        yield both(steps.Call(inputs), Numbers())
    # Weights that are nearly those of before are others.
    for kernel in (_LARGE, _LARGE + (np.arange(36).reshape(2, 2, 3, 3) == 17)):
        yield from then(steps.SetWeights((kernel.astype("f"), np.zeros(3, "f"))))
        yield both(steps.Call(_CUBE), Numbers())


#: One pixel, so that sums of large weights are exact.
_PIXEL = np.ones((1, 1, 1, 2), "f")
_PIXELS = np.ones((1, 2, 3, 3), "f")


def _nearly_the_same() -> Iterator[Line]:
    """Yield weights that change by less than a hundred-thousandth; no initializer is needed."""
    kernel, bias = np.full((2, 3, 3, 2), 2.0**13, "f"), np.full(3, 2.0**13, "f")
    change = np.float32(2.0**-4)
    yield from then(steps.Build((None, None, None, 2)), steps.SetWeights((kernel, bias)))
    for step in (
        steps.SetWeights((kernel + change, bias)),
        steps.SetWeights((kernel + change, bias + change)),
        steps.Train(_PIXEL, _PIXELS, float(change)),
        steps.Assign("kernel", kernel - change),
        steps.Assign("bias", bias - 6 * change),  # the step left 5 of them
    ):
        yield both(steps.Call(_PIXEL), Numbers())
        yield both(steps.Gradients(_PIXEL, _PIXELS), Numbers())
        yield from then(step)
        yield both(steps.GetWeights(), Numbers())
    yield both(steps.Call(_PIXEL), Numbers())


#: These give, for the same image, output of the same shape.
_ALIKE: tuple[dict[str, Value], ...] = (
    {"padding": "same"},
    {"padding": "same", "dilation_rate": 2},
    {"padding": "same", "data_format": "channels_first"},
    {"padding": "same", "activation": "relu"},
)


def _gradients_one_after_the_other() -> Iterator[Line]:
    upstream = small_integers((1, 3, 3, 3), 2)
    for number, more in enumerate(_ALIKE):
        yield from then(steps.Construct(f"sibling {number}", {**_BASE, **more}))
        yield both(steps.Gradients(_CUBE, upstream), Numbers())


def _named(name: str, **config: Value) -> dict[str, Value]:
    return {"class_name": name, "config": config}


_PENALTIES: dict[str, Any] = {
    "kernel_regularizer": _named("L2", l2=0.25),
    "bias_regularizer": _named("L1", l1=0.5),
    "activity_regularizer": _named("L1", l1=0.25),
}
_PROJECTIONS: dict[str, Any] = {"kernel_constraint": "non_neg", "bias_constraint": "non_neg"}
_LAYER: dict[str, Value] = {"filters": 3, "kernel_size": [2, 3]}
_BUILT = then(
    steps.Build((None, None, None, 2)),
    steps.SetWeights((position_coded((2, 3, 3, 2), start=-9), position_coded((3,), start=-1))),
)
_STEP = steps.Train(INPUTS, np.ones((1, 5, 7, 3), np.float32), 0.5)


def _made_again(last: tuple[Line, ...], *before: steps.Step, **more: Any) -> Script:
    arguments = {**_LAYER, "kernel_initializer": "ones", **more}
    lines = (*then(*before, steps.RoundTrip()), *_BUILT, *last)
    return Script(clause="METH-06", arguments=arguments, lines=lines, where="not graph")


_CALLED = then(steps.Call(INPUTS))
SCRIPTS = (
    Script(clause="LIFE-01", arguments=_BASE, lines=tuple(_one_after_the_other())),
    Script(clause="LIFE-01", arguments=_BASE, lines=tuple(_gradients_one_after_the_other())),
    *(
        Script(
            clause="LIFE-01",
            arguments={**SIZES, "activation": activation},
            where="not graph",
            lines=tuple(_nearly_the_same()),
        )
        for activation in (None, "relu")
    ),
    # Its functions do what they did.
    _made_again(
        (*_CALLED, both(steps.Losses(), Numbers()), both(_STEP, Numbers())),
        **_PENALTIES,
        **_PROJECTIONS,
    ),
    # Neither zeros in the bias nor a layer that is frozen make another one.
    _made_again(
        (
            *_CALLED,
            both(steps.Losses(), Numbers()),
            both(steps.GetWeights(), Arrays(((2, 3, 3, 2), (3,)))),
            both(steps.Read("trainable"), Gives(False)),
        ),
        steps.Call(INPUTS),
        trainable=False,
        **_PENALTIES,
    ),
    _made_again(
        (both(steps.Call(INPUTS.astype(np.float16)), Typed("float16")),), dtype="mixed_float16"
    ),
    # Gradients make weights as a call does.
    Script(
        clause="GRAD-01",
        arguments={**_LAYER, "kernel_initializer": {"function": "count up"}},
        lines=(
            both(steps.Gradients(INPUTS, np.ones((1, 5, 7, 3), np.float32)), Numbers()),
            both(steps.GetWeights(), Arrays(((2, 3, 3, 2), (3,)))),
        ),
    ),
    # Of two weights one may change alone.
    Script(
        clause="LIFE-03",
        arguments={**_LAYER, **_PENALTIES},
        lines=(
            *_BUILT,
            both(steps.Losses(), Numbers()),
            # Whether a gradient counts as a call is no matter, for that of the same inputs.
            *then(steps.Call(INPUTS), steps.Losses()),
            *then(steps.Gradients(INPUTS, np.ones((1, 5, 7, 3), np.float32))),
            both(steps.Losses(), SameAs(4)),
            *then(steps.Assign("bias", position_coded((3,), start=7))),
            both(steps.Losses(), Numbers()),
            *then(steps.Assign("kernel", position_coded((2, 3, 3, 2), start=7))),
            both(steps.Losses(), Numbers()),
        ),
        where="not graph",
    ),
    # A step that a frozen layer refuses leaves both weights as they were.
    Script(
        clause="LIFE-04",
        arguments={**_LAYER, "trainable": False},
        lines=(
            *_BUILT,
            *then(steps.GetWeights(), _STEP),
            both(steps.GetWeights(), SameAs(2)),
        ),
    ),
)
