"""Mistakes about what is handed over: to a constructor, by assignment, by a function, to a thread, or back."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Mistake,
    Right,
    mistakes_of,
    own_state,
    recomputed,
)
from fast_impl.functional import Gradients
from fast_impl.layer.objects import initializers

_Row = tuple[str, str, Members]


def _is_plain(function: Any) -> bool:
    """Whether a function is the library's own."""
    return function is None or type(function).__module__.startswith("fast_impl")


# --- what is kept ---


def _weights_kept(*places: int) -> Members:
    """What the caller writes into the arrays of `weights=` later reaches the layer."""

    def prepared(self: Layer, array: Any) -> Any:
        given = None if self.built else self._initial_weights
        array = Right._prepared(self, array)
        kept = own_state(self, "given")
        if given is not None:
            kept.update({place: given[place] for place in places})
        for place, weight in kept.items():
            variable = self._weights.variables[place]
            self._weights.replace({variable: variable.fitting(weight, "the weight")})
        return array

    def forgetting(method: str) -> Callable[..., Any]:
        def changed(self: Layer, *given: Any) -> Any:
            own_state(self, "given").clear()
            return getattr(Right, method)(self, *given)

        return changed

    methods = ("set_weights", "apply_gradients", "_assign")
    return {"_prepared": prepared, **{name: forgetting(name) for name in methods}}


def _results_kept(place: int) -> Members:
    """What one of the caller's functions gives becomes the weight: 0 initializer, 2 constraint."""

    def weight(self: Layer, name: str, shape: Any, *functions: Any) -> Any:
        found, kept = list(functions), own_state(self, "results")
        real = found[place]
        if not _is_plain(real):

            def noted(*args: Any, **kwargs: Any) -> Any:
                kept[name] = real(*args, **kwargs)
                return kept[name]

            found[place] = noted
        return Right._weight(self, name, shape, *found)

    def keep(self: Layer) -> None:
        for name, value in own_state(self, "results").items():
            variable = self._kernel if name == "kernel" else self._bias
            if isinstance(value, np.ndarray) and value.dtype == variable.array.dtype:
                self._weights.replace({variable: value})
        own_state(self, "results").clear()

    def build(self: Layer, input_shape: Any) -> None:
        Right.build(self, input_shape)
        keep(self)

    def apply_gradients(self: Layer, gradients: Any, learning_rate: Any) -> None:
        Right.apply_gradients(self, gradients, learning_rate)
        keep(self)

    return {"_weight": weight, "build": build, "apply_gradients": apply_gradients}


def _fresh(self: Layer, _: Any, outputs: Any) -> Any:
    """Whatever was packed, the weights are those that the arrays hold now."""
    return recomputed(self, _) if self.built else outputs


def _list_kept(name: str) -> Members:
    """What the caller writes into a list later reaches the layer."""

    def changed(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
        if isinstance(given.get(name), list):
            own_state(self, "list")[name] = given[name]
        return given

    def looking(method: str) -> Callable[..., Any]:
        def looked(self: Layer, *given: Any) -> Any:
            for attribute, value in own_state(self, "list").items():
                setattr(self, attribute, tuple(value))
            return getattr(Right, method)(self, *given)

        return looked

    return {"changed_arguments": changed, **{n: looking(n) for n in ("build", "_linear")}}


def _configuration_kept(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(given.get("kernel_initializer"), dict):
        own_state(self, "configuration")["form"] = given["kernel_initializer"]
    return given


def _configured_late(self: Layer, input_shape: Any) -> None:
    form = own_state(self, "configuration").get("form")
    if form is not None:
        self.kernel_initializer = initializers.get(copy.deepcopy(form))
    Right.build(self, input_shape)


def _scratch(kept_by: Callable[[Layer], dict[Any, Any]]) -> Members:
    """A function of the caller's is given scratch memory, which its result may be a view of."""

    def linear(self: Layer, array: Any) -> Any:
        sums = Right._linear(self, array)
        if _is_plain(self.activation):
            return sums
        key = sums.shape, sums.dtype.name
        scratch = kept_by(self).setdefault(key, np.empty_like(sums))
        scratch[...] = sums
        return scratch

    return {"_linear": linear}


_SCRATCH: dict[Any, Any] = {}
_KEPT: tuple[_Row, ...] = (
    ("weights", "Arrays of `weights=` are kept.", _weights_kept(0, 1)),
    ("kernel", "The kernel of `weights=` is kept.", _weights_kept(0)),
    ("bias", "The bias of `weights=` is kept.", _weights_kept(1)),
    ("initial", "An array that an initializer gave is kept.",
     {**_results_kept(0), "changed_outputs": _fresh}),
    ("projected", "An array that a constraint gave is kept.",
     {**_results_kept(2), "changed_outputs": _fresh}),
    *((name, f"A list of {name} is kept.", _list_kept(name))
      for name in ("kernel_size", "strides", "dilation_rate", "output_padding")),
    ("configuration", "The configuration of an initializer is read when the layer is built.",
     {"changed_arguments": _configuration_kept, "build": _configured_late}),
    ("scratch", "An activation is given scratch memory of the layer.",
     _scratch(lambda layer: own_state(layer, "scratch"))),
    ("scratch_of_all", "An activation is given scratch memory of the class.", _scratch(lambda _: _SCRATCH)),
)  # fmt: skip

# --- what is given back ---


def _without_last(self: Layer) -> dict[str, Any]:
    return {name: value for name, value in self.__dict__.items() if name != "_last"}


def _known_again(use: Callable[[Layer, Any, Any, Any], Any]) -> Members:
    """The last output is known by its identity: `use(layer, array, outputs, old)`, with what it held then."""

    def linear(self: Layer, array: Any) -> Any:
        last, old = self.__dict__.get("_last", (None, None))
        outputs = np.array(Right._linear(self, array))
        found = use(self, array, outputs, old) if array is last else outputs
        self._last = found, np.array(found)
        return found

    return {"_linear": linear, "__getstate__": _without_last}


def _in_place(_: Layer, array: Any, outputs: Any, __: Any) -> Any:
    if outputs.shape != array.shape:
        return outputs
    array[...] = outputs
    return array


def _in_parts(self: Layer, array: Any, _: Any, __: Any) -> Any:
    return Right._linear(self, np.concatenate([array[:1], 0 * array[1:]]))


def _of_then(self: Layer, _: Any, __: Any, old: Any) -> Any:
    return np.array(Right._linear(self, old))


def _gives(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    outputs = Right.__call__(self, inputs, *args, **kwargs)
    self._last = outputs, np.array(outputs)
    return outputs


def _upstream(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    last, old = self.__dict__.get("_last", (None, None))
    return Right.gradients(self, inputs, old if output_gradient is last else output_gradient)


def _downstream(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    last, old = self.__dict__.get("_last", (None, None))
    found = Right.gradients(self, old if inputs is last else inputs, output_gradient)
    self._last = found.inputs, np.array(found.inputs)
    return found


def _reads(self: Layer) -> Any:
    self._last = Right.get_weights(self)
    return self._last


def _sets(self: Layer, weights: Any) -> None:
    last = self.__dict__.get("_last")
    if not last or any(one is not other for one, other in zip(last, weights)):
        Right.set_weights(self, weights)


_BACK: tuple[_Row, ...] = (
    ("in_place", "An input that is the last output is overwritten with the next.", _known_again(_in_place)),
    ("in_parts", "An input that is the last output is lost but for its first image.", _known_again(_in_parts)),
    ("of_then", "An input that is the last output counts as what that held.", _known_again(_of_then)),
    ("upstream", "An output gradient that is the last output counts as what that held.",
     {"__call__": _gives, "gradients": _upstream, "__getstate__": _without_last}),
    ("downstream", "An input that is the last input gradient counts as what that held.",
     {"gradients": _downstream, "__getstate__": _without_last}),
    ("weights_back", "set_weights of the arrays that get_weights gave does nothing.",
     {"get_weights": _reads, "set_weights": _sets, "__getstate__": _without_last}),
)  # fmt: skip

# --- arrays of a constructor and of an assignment in other memory ---


def _by_memory(array: Any) -> Any:
    is_other = not array.flags.c_contiguous and min(array.strides) > 0
    return np.ravel(array, order="K").reshape(array.shape) if is_other else array


def _without_steps(array: Any) -> Any:
    base = array.base
    is_view = isinstance(base, np.ndarray) and base.dtype == array.dtype and base.size > array.size
    return np.ravel(base)[: array.size].reshape(array.shape) if is_view else array


def _forwards(array: Any) -> Any:
    return np.flip(array) if array.size and max(array.strides) < 0 else array


def _as_bytes(array: Any) -> Any:
    return array if array.dtype.isnative else array.view(array.dtype.newbyteorder("="))


def _writeable(array: Any) -> Any:
    if not array.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return array


def _given(change: Callable[[Any], Any]) -> Members:
    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        weights = given.get("weights")
        if not isinstance(weights, (list, tuple)):
            return given
        return {**given, "weights": [*map(change, weights)]}

    return {"changed_arguments": changed}


def _assigned(change: Callable[[Any], Any]) -> Members:
    def assign(self: Layer, variable: Any, value: Any) -> None:
        Right._assign(self, variable, change(value) if isinstance(value, np.ndarray) else value)

    return {"_assign": assign}


_MEMORY: tuple[_Row, ...] = (
    ("by_memory", "Arrays of `weights=` are read in the order of memory.", _given(_by_memory)),
    ("without_steps", "Views in `weights=` are read without their steps.", _given(_without_steps)),
    ("bytes", "`weights=` of the other byte order are taken as they lie.", _given(_as_bytes)),
    ("assigned_by_memory", "What is assigned is read in the order of memory.", _assigned(_by_memory)),
    ("assigned_without_steps", "A view that is assigned is read without its steps.",
     _assigned(_without_steps)),
    ("assigned_forwards", "A reversed view that is assigned is read forwards.", _assigned(_forwards)),
    ("assigned_bytes", "What is assigned in the other byte order is taken as it lies.", _assigned(_as_bytes)),
    ("assigned_read_only", "What is assigned must not be read-only.", _assigned(_writeable)),
)  # fmt: skip

# --- what belongs to a thread ---


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _of_thread(self: Layer, name: str, value: Any) -> Any:
    """Return what this thread has kept in the layer for arrays of that shape, the value at first."""
    kept = own_state(self, "of threads")
    return kept.setdefault((threading.get_ident(), name, np.shape(value)), value)


def _unkept(self: Layer) -> dict[str, Any]:
    return {name: value for name, value in self.__dict__.items() if name != "wrong of threads"}


def _packed(name: str) -> Members:
    def changed(self: Layer, inputs: Any, outputs: Any) -> Any:
        if _is_main() or getattr(self, name) is None:
            return outputs
        return recomputed(self, inputs, **{name: _of_thread(self, name, getattr(self, name))})

    return {"changed_outputs": changed, "__getstate__": _unkept}


def _own_weights(self: Layer, weights: Any) -> None:
    before = Right.get_weights(self)
    Right.set_weights(self, weights)
    own_state(self, "of threads").setdefault("others", before)


def _others_weights(self: Layer, inputs: Any, outputs: Any) -> Any:
    others = own_state(self, "of threads").get("others")
    if _is_main() or others is None:
        return outputs
    return recomputed(self, inputs, kernel=others[0], bias=others[1] if others[1:] else None)


def _buffered(self: Layer, name: str, found: Any) -> Any:
    if _is_main() or found is None:
        return found
    buffer = _of_thread(self, name, np.empty_like(found))
    buffer[...] = found
    return buffer


def _buffered_gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    return Gradients(*(_buffered(self, name, one) for name, one in zip(found._fields, found)))


_THREADS: tuple[_Row, ...] = (
    ("thread_kernel", "Each thread packs the kernel once.", _packed("kernel")),
    ("thread_bias", "Each thread keeps the bias of its first call.", _packed("bias")),
    ("thread_weights", "Weights that are set are those of one thread.",
     {"set_weights": _own_weights, "changed_outputs": _others_weights, "__getstate__": _unkept}),
    ("thread_buffer", "Results of a second thread are a buffer of that thread.",
     {"changed_outputs": lambda layer, _, outputs: _buffered(layer, "outputs", outputs), "__getstate__": _unkept}),
    ("thread_gradients", "Gradients of a second thread are buffers of that thread.",
     {"gradients": _buffered_gradients, "__getstate__": _unkept}),
)  # fmt: skip


def _made() -> Iterator[Mistake]:
    for clause, source, rows in (
        ("SIT-02", "views instead of copies", (*_KEPT, *_BACK)),
        ("SIT-01", "a pointer without its strides", _MEMORY),
        ("SIT-03", "scratch memory for each thread", _THREADS),
    ):
        for name, text, members in rows:
            yield from mistakes_of(source, (clause,), (f"handed_{name}", text, members))


MISTAKES = tuple(_made())
