"""Scripts about numbers that enter a layer from a wider dtype: wherever that is, each becomes the nearest one.

`methods` has those of `set_weights`. Here they come from an assignment, from `weights=`, from an initializer,
from a constraint, from an input that is cast, and from weights that a policy keeps wider than it computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases.scripted.expected import Expected, Gives, Raises, Rounded, Succeeds, Typed
from conformance.cases.scripted.layer.methods import ROUNDED
from conformance.cases.scripted.script import Line, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal
from conformance.model.values.codec import dtype_of
from conformance.model.values.dtypes import SIGNIFICAND_BITS

_BUILD = steps.Build((None, None, None, 1))
_WEIGHTS = steps.Invoke("get_weights")


def _single(dtype: str, count: int, **more: Any) -> dict[str, Any]:
    """Return the arguments of a layer whose kernel is a row of `count` numbers."""
    return {"filters": count, "kernel_size": 1, "use_bias": False, "dtype": dtype, **more}


def _scripts(dtype: str) -> Iterator[Script]:
    given, wanted = ROUNDED[dtype]
    kernel, kept = np.array(given).reshape(1, 1, -1, 1), Gives([[[[[n] for n in wanted]]]])
    one = np.ones((1, 1, 1, 1), dtype)
    yield Script(
        clause="METH-07",
        arguments=_single(dtype, len(given)),
        lines=(
            *then(_BUILD),
            # TensorFlow has no assignment of an array: a variable takes tensors of its own dtype.
            Line(steps.Assign("kernel", kernel), Expected(outside=Succeeds())),
            Line(_WEIGHTS, Expected(outside=Rounded(dtype, kept.value))),
        ),
    )
    yield Script(
        clause="ARG-17",
        arguments=_single(dtype, len(given), weights=[kernel]),
        lines=(*then(steps.Call(one)), both(_WEIGHTS, kept)),
        where="not graph",
    )


def _cast_inputs() -> Iterator[Script]:
    given, wanted = ROUNDED["float32"]
    inputs = np.array(given).reshape(1, 1, -1, 1)
    arguments = {
        "filters": 1, "kernel_size": 1, "use_bias": False, "kernel_initializer": "ones", "dtype": "float32",
        "autocast": True,
    }  # fmt: skip
    yield Script(
        clause="ARG-19",
        arguments=arguments,
        lines=(both(steps.Call(inputs), Gives(np.reshape(wanted, inputs.shape).tolist())),),
    )


#: Of these numbers none is lost where subnormal ones are.
_MIXED = (1 + 2**-11, 1 + 3 * 2**-11, -1 - 2**-10 - 2**-13, 1 + 2**-11 + 2**-20)
_IN_HALF = (1.0, 1 + 2**-9, -1 - 2**-10, 1 + 2**-10)


def _policy() -> Iterator[Script]:
    count = len(_MIXED)
    arguments = _single("mixed_float16", count, autocast=True)
    kernel = np.array(_MIXED, np.float32).reshape(1, 1, count, 1)
    weights = then(_BUILD, steps.SetWeights((kernel,)))
    one = np.ones((1, 1, 1, 1), np.float32)
    yield Script(
        clause="ARG-16",
        arguments=arguments,
        lines=(*weights, both(steps.Call(one), Gives([[[list(_IN_HALF)]]]))),
    )
    # The gradients are as wide as what they are of: the weights, and the inputs before they are cast.
    upstream = np.ones((1, 1, 1, count), np.float16)
    weights = then(_BUILD, steps.SetWeights((kernel, np.zeros(count, np.float32))))
    yield Script(
        clause="ARG-16",
        arguments={**arguments, "use_bias": True},
        lines=(*weights, both(steps.Gradients(one, upstream), Typed("float32"))),
    )


def _products(dtype: str) -> Iterator[Script]:
    """Yield single products, which a format of 16 bits does not have: the nearest number, far from a tie.

    A sum may be off by as much as is cut off; a product alone may not.
    """
    unit = 2.0 ** (1 - SIGNIFICAND_BITS[dtype])
    factor, other, nearest = 1.25, 1 + 3 * unit, 1.25 + 4 * unit  # the product is 1.25 + 3.75 units
    kernel, inputs, upstream = (
        np.array(numbers).reshape(-1, 1, 1, 1).astype(dtype_of(dtype))
        for numbers in (factor, (other, -other), -factor)
    )
    # TensorFlow 2.9 computes no bfloat16 on many processors.
    older = {"of_the_page": (None, None)} if dtype == "bfloat16" else {}
    gradients = [[[[[-(factor**2)]]]], [[[[-nearest]]]], None]
    for clause, step, wanted in (
        ("DTYPE-02", steps.Call(inputs), [[[[nearest]]], [[[-nearest]]]]),
        ("GRAD-01", steps.Gradients(inputs[:1], upstream), gradients),
    ):
        yield Script(
            clause=clause,
            arguments=_single(dtype, 1),
            lines=(
                *then(_BUILD, steps.SetWeights((kernel,))),
                both(step, Gives(wanted), **older),
            ),
        )


_CLOSE_GRADIENTS = "[np.full(shape, 2**-5 + 2**-20, 'float32') for shape in ((1, 1, 1, 1), 1)]"


def _policy_keeps() -> Iterator[Script]:
    """Yield what is kept in float32 under a mixed policy: weights, whoever sets them, for a step and a penalty."""
    first, close, rate = 2**-4 + 2**-20, 2**-4 + 2**-21, 2**-5 + 2**-18  # float16 has none of them
    total, negate = {"function": "sum"}, {"function": "negate"}
    constant = {"class_name": "Constant", "config": {"value": first}}
    arguments = {
        **_single("mixed_float16", 1, autocast=True), "use_bias": True, "kernel_regularizer": total,
        "bias_regularizer": total, "kernel_constraint": negate, "bias_constraint": negate,
        "kernel_initializer": constant, "bias_initializer": constant,
    }  # fmt: skip

    def both_are(number: float) -> Gives:
        return Gives([[[[[number]]]], [number]])

    kernel, bias = np.full((1, 1, 1, 1), close, "f"), np.full(1, close, "f")
    one = np.ones((1, 1, 1, 1), np.float32)
    lines = (
        *then(_BUILD),
        both(_WEIGHTS, both_are(first)),
        *then(steps.SetWeights((kernel, bias))),
        both(_WEIGHTS, both_are(close)),
        both(_WEIGHTS, Typed("float32")),
        both(steps.Losses(), Gives([close, close])),
        *then(steps.Train(one, np.ones((1, 1, 1, 1), np.float16), rate)),
        both(_WEIGHTS, both_are(rate - close)),
        *then(steps.Copy("deepcopy")),
        both(_WEIGHTS, both_are(rate - close)),
        *then(steps.Assign("kernel", kernel), steps.Assign("bias", bias)),
        both(_WEIGHTS, both_are(close)),
        # TensorFlow has another way to take a step.
        *then(steps.Invoke("apply_gradients", (literal(_CLOSE_GRADIENTS), 0.5))),
        Line(_WEIGHTS, Expected(outside=both_are(2**-6 - 2**-4))),
    )
    yield Script(clause="ARG-16", arguments=arguments, lines=lines, where="not graph")


_THIRDS = {"function": "numpy third"}
_STEP = steps.Train(np.zeros((1, 1, 1, 1), "f"), np.zeros((1, 1, 1, 5), "f"), 1.0)
_NEAREST = (np.arange(1, 6) / 3).astype(np.float32)
_PROJECTED = Script(
    clause="CONS-05",
    arguments=_single("float32", 5, kernel_constraint=_THIRDS),
    lines=(
        *then(_BUILD, steps.SetWeights((np.arange(1, 6, dtype="f").reshape(1, 1, 5, 1),))),
        either(
            _STEP,
            Gives([_NEAREST.reshape(1, 1, 5, 1).tolist()]),
            Raises("NotImplementedError"),
            v1=Raises("TypeError|ValueError"),
        ),
    ),
)
_INITIAL = tuple(
    Script(
        clause="INIT-05",
        arguments=_single(dtype, 3, kernel_initializer={"function": "a third in float64"}),
        lines=(
            *then(steps.Call(np.ones((1, 1, 1, 1), dtype))),
            either(_WEIGHTS, Gives([[[[[float(np.dtype(dtype).type(1 / 3))]] * 3]]]), None),
        ),
        where="not graph",
    )
    for dtype in ("float32", "float16")
)

#: What is assigned is rounded, and nothing more: it is no training step.
_UNPROJECTED = Script(
    clause="CONS-01",
    arguments=_single("float32", 3, kernel_constraint={"function": "clip"}),
    lines=(
        *then(_BUILD, steps.Assign("kernel", np.array([-9, 0, 9], "f").reshape(1, 1, 3, 1))),
        both(_WEIGHTS, Gives([[[[[-9.0], [0.0], [9.0]]]]])),
    ),
    where="not graph",
)


def _penalties(dtype: str, large: float, wanted: float) -> Iterator[Script]:
    """Yield what is summed in a short format: the kernel's penalty, and that of the output, are numbers of it."""
    kernel = np.array([large, 3, 0]).reshape(1, 1, 3, 1).astype(dtype_of(dtype))
    one = np.ones((1, 1, 1, 1)).astype(dtype_of(dtype))
    total = {"class_name": "L1", "config": {"l1": 1.0}}
    # TensorFlow 2.9 computes no bfloat16 on many processors.
    older = {"of_the_page": (None, None)} if dtype == "bfloat16" else {}
    for clause, argument in (
        ("LOSS-01", "kernel_regularizer"),
        ("LOSS-02", "activity_regularizer"),
    ):
        yield Script(
            clause=clause,
            arguments=_single(dtype, 3, **{argument: total}),
            lines=(
                *then(_BUILD, steps.SetWeights((kernel,)), steps.Call(one)),
                both(steps.Losses(), Gives([wanted]), **older),
                both(steps.Losses(), Typed(dtype, or_number=True), **older),
            ),
        )


SCRIPTS = (
    _UNPROJECTED,
    *_penalties("float16", 2048.0, 2052.0),
    *_penalties("bfloat16", 256.0, 260.0),
    *(script for dtype in ("float16", "float32", "float64") for script in _scripts(dtype)),
    *_cast_inputs(),
    *(script for dtype in ("float16", "bfloat16") for script in _products(dtype)),
    *_policy(),
    *_policy_keeps(),
    _PROJECTED,
    *_INITIAL,
)
