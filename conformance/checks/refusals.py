"""Refusals: the exception that a norm wants of a step."""

from __future__ import annotations

from conformance.cases.scripted.expected import Expected, Raises
from conformance.checks.view import View
from conformance.oracle.comparison import Mismatch

#: What TensorFlow's kernels raise in eager mode, where building the graph already fails. Elsewhere there is one
#: mode, in which either will do.
REFUSED_BY_KERNEL = Expected(
    Raises("InvalidArgumentError"),
    Raises("TypeError"),
    outside=Raises("InvalidArgumentError|TypeError"),
)
#: What the layer raises for inputs of complex numbers; elsewhere, what Python has for a wrong dtype will do, too.
REFUSED_COMPLEX = Expected(
    Raises("ValueError"), Raises("ValueError"), outside=Raises("ValueError|TypeError")
)
#: What a dtype that is no name is refused by; elsewhere, it may also be what Python has for a wrong value.
NO_SUCH_DTYPE = Expected(
    Raises("TypeError"), Raises("TypeError"), outside=Raises("TypeError|ValueError")
)
#: What Python raises for a shape of another rank, or for none, where nobody has looked at it. Outside TensorFlow a
#: layer may look at it first.
NO_SUCH_RANK = Expected(
    Raises("IndexError"), Raises("IndexError"), outside=Raises("IndexError|ValueError")
)
NO_SUCH_SHAPE = Expected(
    Raises("ValueError"), Raises("ValueError"), outside=Raises("ValueError|TypeError")
)
#: What Python, and frameworks without such classes, call the errors that only TensorFlow has.
_STANDS_FOR = {
    "InvalidArgumentError": {"ValueError", "RuntimeError"},
    "ResourceExhaustedError": {"MemoryError"},
    "UnimplementedError": {"NotImplementedError"},
}


def expect_error(
    view: View, index: int | None, expected: Raises | Expected[Raises]
) -> Mismatch | None:
    """Return a mismatch unless step `index` (None: the constructor) raised what is expected of the subject.

    For a subject outside TensorFlow, whose language has no `InvalidArgumentError` and its like, the
    Python class that stands for it will do too, and so will any message at any moment.
    """
    wanted = expected.by(view.traits) if isinstance(expected, Expected) else expected
    assert wanted is not None
    names = wanted.error.split("|")
    told = " or ".join(sorted(names))
    accepted = set(names)
    if not view.traits.tensorflow:
        accepted = accepted.union(*(_STANDS_FOR.get(name, ()) for name in names))
        # A layer that is made of TensorFlow raises what TensorFlow has.
        accepted |= {theirs for theirs, others in _STANDS_FOR.items() if others & {*names}}
    error = view.raised(index, accepted)
    if error is None:
        got = view.outcome(index).value
        return Mismatch(f"should raise {told}, but raised nothing", told, got, index)
    means = {
        "MemoryError": error.means_no_memory,
        "ValueError": error.means_wrong_shape,
        "TypeError": error.means_wrong_dtype,
    }
    if not accepted & set(error.types) and not any(means.get(name) for name in accepted):
        return Mismatch(f"should raise {told}, raised {error}", told, str(error), index)
    moments = wanted.moment.split("|") if wanted.moment else [error.moment]
    if view.traits.tensorflow and error.moment not in moments:
        text = f"should raise at {' or '.join(moments)}, raised {error}"
        return Mismatch(text, moments, error.moment, index)
    if view.traits.tensorflow and wanted.fragment not in error.message:
        text = f"the message should contain {wanted.fragment!r}, it is {error.message[:200]!r}"
        return Mismatch(text, wanted.fragment, error.message[:400], index)
    view.note_refusal(index)
    return None
