"""A right layer that lacks one thing, and says so, has no red clause: it passes or is unsupported.

Nothing is judged after a step that did not happen; where that is forgotten, the clauses of what follows turn red.
The long selection (``-m refusals``) tries every refusal on all families, the quick one a few on fixed cases.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.judge.judging import judge_case
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.situation import OF_THREADS
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

Layer = fast_impl.Conv2DTranspose


def _refuse(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("has no such thing")


def _without_argument(name: str, refused: Callable[[Any], bool] = lambda _: True) -> type:
    """A layer whose constructor refuses an argument, or some of its values."""

    class Partial(Layer):
        @functools.wraps(Layer.__init__)
        def __init__(self, *positional: Any, **keywords: Any) -> None:
            given = {**dict(zip(NAMES, positional)), **keywords}
            if name in given and refused(given[name]):
                _refuse()
            super().__init__(*positional, **keywords)

    return Partial


def _without_inputs(refused: Callable[[Any], bool]) -> type:
    """A layer that refuses some inputs of its call."""

    class Partial(Layer):
        def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            if refused(inputs):
                _refuse()
            return super().__call__(inputs, *args, **kwargs)

    return Partial


def _without_method(name: str) -> type:
    """A layer that refuses a method, or reading an attribute, to whoever is not the layer itself."""
    own = getattr(Layer, name)
    function = own.fget if isinstance(own, property) else own

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs) if self.inside else _refuse()

    class Partial(Layer):
        inside = False

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.inside = True
            super().__init__(*args, **kwargs)
            self.inside = False

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            self.inside = True
            try:
                return super().__call__(*args, **kwargs)
            finally:
                self.inside = False

    Partial.__init__ = functools.wraps(Layer.__init__)(Partial.__init__)  # type: ignore[method-assign]
    setter = own.fset if isinstance(own, property) else None
    setattr(Partial, name, property(method, setter) if isinstance(own, property) else method)
    return Partial


NAMES = (
    "filters", "kernel_size", "strides", "padding", "data_format", "activation", "use_bias",
    "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
    "activity_regularizer", "kernel_constraint", "bias_constraint", "trainable", "name",
)  # fmt: skip


def _array(inputs: Any) -> Any:
    return inputs if isinstance(inputs, np.ndarray) else np.zeros((1, 1, 1, 1), np.float32)


PARTIAL: dict[str, Callable[[], type]] = {
    **{
        f"argument {name}": functools.partial(_without_argument, name)
        for name in (
            *NAMES[2:], "dilation_rate", "output_padding", "groups", "dtype", "autocast", "weights",
            "input_shape", "_scope", "_reuse",
        )
    },
    "same": lambda: _without_argument("padding", lambda value: str(value).lower() == "same"),
    "channels_first": lambda: _without_argument(
        "data_format", lambda value: str(value).lower() == "channels_first"
    ),
    "functions as activations": lambda: _without_argument("activation", callable),
    "functions as initializers": lambda: _without_argument("kernel_initializer", callable),
    "arguments that are no plain data": lambda: _without_argument(
        "kernel_regularizer", lambda value: not isinstance(value, str)
    ),
    **{
        f"dtype {name}": functools.partial(
            _without_inputs, lambda inputs, name=name: _array(inputs).dtype.name == name
        )
        for name in ("float16", "bfloat16", "float32", "float64", "int32")
    },
    "every dtype but float32": lambda: _without_inputs(
        lambda inputs: _array(inputs).dtype != np.float32
    ),
    "empty inputs": lambda: _without_inputs(lambda inputs: not _array(inputs).size),
    "empty batches": lambda: _without_inputs(lambda inputs: _array(inputs).shape[:1] == (0,)),
    "more than one image": lambda: _without_inputs(lambda inputs: len(_array(inputs)) > 1),
    "inputs without rank 4": lambda: _without_inputs(lambda inputs: _array(inputs).ndim != 4),
    "inputs that are no arrays": lambda: _without_inputs(
        lambda inputs: not isinstance(inputs, np.ndarray)
    ),
    "not a number": lambda: _without_inputs(
        lambda inputs: _array(inputs).dtype.kind == "f" and not np.isfinite(_array(inputs)).all()
    ),
    "calls": lambda: _without_inputs(lambda _: True),
    **{
        f"method {name}": functools.partial(_without_method, name)
        for name in (
            "build", "apply", "compute_output_shape", "convolution_op", "set_weights", "get_weights",
            "count_params", "losses", "get_losses_for", "get_updates_for", "gradients",
            "loss_gradients", "apply_gradients", "get_config", "trainable_weights",
            "non_trainable_weights", "weights", "scope_name", "graph",
        )
    },
}  # fmt: skip
#: Some that were red before steps that did not happen were heeded.
QUICK = (
    "every dtype but float32", "more than one image", "method build", "method apply", "method graph",
)  # fmt: skip


class _Subject:
    mode = "eager"

    def __init__(self, name: str) -> None:
        self.name = self.spec = name
        self._layer = PARTIAL[name]()
        # So that instances can be pickled.
        self._layer.__qualname__ = f"_{len(globals())}"
        globals()[self._layer.__qualname__] = self._layer

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self._layer))


@functools.cache
def _evidence() -> Evidence:
    return Evidence()


def _red(name: str, examples: int) -> list[tuple[str, str]]:
    """Clause and message of each clause that is neither passed nor unsupported."""
    subject, red = _Subject(name), {}
    for family in FAMILIES.values():
        tallies: dict[tuple[str, bool], Any] = {}
        if examples:
            tallies = explore(
                _evidence(), family, subject, Traits(), examples=examples, run_seed=0,
                progress=lambda _: None,
            )  # fmt: skip
        else:
            for case in family.fixed:
                if case.situation_name in OF_THREADS:
                    continue  # each takes a second, and the long selection has them
                judge_case(_evidence(), CHECKS.on(family.name), case, subject, Traits(), tallies)
        for (clause, claims), tally in tallies.items():
            if tally.failures and not claims:
                red.setdefault(clause, tally.failures[0].mismatch.message)
    return list(red.items())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", QUICK)
def test_a_fixed_case_is_not_judged_after_what_did_not_happen(name: str) -> None:
    assert _red(name, examples=0) == []


@pytest.mark.refusals
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PARTIAL)
def test_a_layer_that_lacks_one_thing_has_no_red_clause(name: str) -> None:
    assert _red(name, examples=10) == []
