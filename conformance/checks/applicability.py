"""What a case must be for a check to apply to it: small predicates."""

from __future__ import annotations

from collections.abc import Callable

from conformance.checks.check import Applies
from conformance.model.case import Case
from conformance.model.geometry import Axis, Geometry
from conformance.model.steps import Call
from conformance.model.traits import Traits


def any_axis(*tests: str, same: bool | None = None) -> Applies:
    """Return the condition that some axis passes all `tests`, properties named below.

    `short` kernel below stride, `long` kernel at least the stride, `odd` odd total crop, `strided`
    stride above 1, `dilated`, `extended` output padding given, `plain` neither of the two.
    """

    def applies(case: Case, _: Traits) -> bool:
        geometry = Geometry.of(case.arguments)
        return any(
            (same is None or axis.same == same) and all(_AXIS_TESTS[test](axis) for test in tests)
            for axis in geometry.axes
        )

    return applies


_AXIS_TESTS: dict[str, Callable[[Axis], bool]] = {
    "short": lambda axis: axis.extent < axis.stride,
    "long": lambda axis: axis.extent >= axis.stride,
    "odd": lambda axis: (axis.extent - axis.stride) % 2 == 1,
    "strided": lambda axis: axis.stride > 1,
    "dilated": lambda axis: axis.dilation > 1,
    "extended": lambda axis: axis.output_padding is not None,
    "plain": lambda axis: axis.output_padding is None and axis.dilation == 1,
}


def argument(name: str, *values: object) -> Applies:
    """Return the condition that an argument is given, and is one of `values` if there are any."""
    return lambda case, _: name in case.arguments and (not values or case.arguments[name] in values)


def on_tensorflow(_: Case, traits: Traits) -> bool:
    """Hold for TensorFlow subjects."""
    return traits.tensorflow


def runs_here(case: Case, traits: Traits) -> bool:
    """Hold unless this TensorFlow cannot compute the dtype (DTYPE-02), or has no such activation."""
    return not traits.of_the_page or not (
        case.argument("activation") == "mish"
        or any(step.inputs.dtype.name == "bfloat16" for step in _calls(case))
    )


def _calls(case: Case) -> list[Call]:
    return [step for step in case.steps if isinstance(step, Call)]
