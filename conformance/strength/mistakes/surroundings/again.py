"""Mistakes about what is found again: memory, lists, weights and inputs that are nearly alike, copies, sums."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    channel_axis,
    mistakes_in,
    own_state,
    recomputed,
    sums,
)
from fast_impl.layer import losses
from fast_impl.layer.objects import activations
from fast_impl.runtime.locks import Lock

#: What a layer keeps here is none of its state: a copy has none of it.
_OWN = ("wrong found", "wrong pool")


def _without_own(self: Layer) -> dict[str, Any]:
    return {name: value for name, value in self.__dict__.items() if name not in _OWN}


# --- what is handed over, and given back ---


def _read_only_kept(self: Layer, weights: Any) -> None:
    Right.set_weights(self, weights)
    kept = {
        variable: given
        for variable, given in zip(self._weights.variables, weights)
        if isinstance(given, np.ndarray)
        and not given.flags.writeable
        and given.dtype == variable.array.dtype
    }
    self._weights.replace(kept)


def _keeps_shape(self: Layer, input_shape: Any) -> None:
    Right.build(self, input_shape)
    own_state(self, "shape")["given"] = input_shape


def _looks_at_shape(self: Layer, inputs: Any) -> Any:
    given = own_state(self, "shape").get("given")
    axis = channel_axis(self)
    is_image = isinstance(given, list) and len(given) == 4 == np.ndim(inputs)
    if is_image and np.shape(inputs)[axis] != given[axis]:
        raise ValueError(f"the layer was built for {given[axis]} channels")
    return inputs


def _keeps_configuration(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
    if isinstance(given.get("activation"), dict):
        own_state(self, "activation")["given"] = given["activation"]
    return given


def _reads_configuration(self: Layer, array: Any) -> Any:
    given = own_state(self, "activation").pop("given", None)
    if given is not None:
        self.activation = activations.get(copy.deepcopy(given))
    return Right._linear(self, array)


_LOCK = Lock()


def _from_pool(self: Layer, _: Any, outputs: Any) -> Any:
    """Give a view of memory in which the last view was that nobody holds any more."""
    with _LOCK:
        pool = self.__dict__.setdefault("wrong pool", [])
        for place, (memory, view) in enumerate(pool):
            if view() is None and (memory.shape, memory.dtype) == (outputs.shape, outputs.dtype):
                del pool[place]
                memory[...] = outputs
                break
        else:
            memory = np.array(outputs)
        found = memory.view()
        pool.append((memory, weakref.ref(found)))
    if self._record.losses:
        self._record._sources.append(weakref.ref(found))
    return found


_HANDED: tuple[Row, ...] = (
    ("SIT-02", "read_only", "Arrays of set_weights that are read-only are kept.",
     {"set_weights": _read_only_kept}),
    ("SIT-02", "shape", "The list that `build` is given is kept.",
     {"build": _keeps_shape, "changed_inputs": _looks_at_shape}),
    ("SIT-02", "activation", "The configuration of an activation is read at the first call.",
     {"changed_arguments": _keeps_configuration, "_linear": _reads_configuration}),
    ("SIT-02", "pool", "The memory of a result is used again though a view of it is held.",
     {"changed_outputs": _from_pool, "__getstate__": _without_own}),
)  # fmt: skip

# --- what is packed or known ---


def _known_by(key: Callable[[Any], Any]) -> Members:
    """Copies of the kernels that there were are kept by a key that a later kernel may have, too."""

    def linear(self: Layer, array: Any) -> Any:
        kernel = self.kernel
        kept = own_state(self, "found")
        name = key(kernel), kernel.shape, kernel.dtype.name
        packed = kept.setdefault(name, np.array(kernel))
        outputs = Right._linear(self, array)
        # The right layer's own packed kernel would keep the memory from being used again.
        self._packed = type(self._packed)(self._algorithm)
        if np.array_equal(packed, kernel) or array.dtype != kernel.dtype:
            return outputs
        return sums(self, array, kernel=packed)

    return {"_linear": linear, "__getstate__": _without_own}


def _nearly(self: Layer, array: Any) -> Any:
    kernel = self.kernel
    kept = own_state(self, "found")
    known = kept.get("kernel")
    is_near = known is not None and known.shape == kernel.shape and kernel.dtype == np.float32
    if not is_near or array.dtype != kernel.dtype or not np.allclose(known, kernel):
        kept["kernel"] = kernel
        return Right._linear(self, array)
    return sums(self, array, kernel=known)


def _by_sample(self: Layer, array: Any) -> Any:
    outputs = Right._linear(self, array)
    if array.size < 256:
        return outputs
    kept = own_state(self, "found")
    sample = array.reshape(-1)[::16].tobytes()
    name = sample, array.shape, array.dtype.name, id(self.kernel), id(self.bias)
    if kept.get("name") != name:
        kept.update(name=name, outputs=outputs, weights=(self.kernel, self.bias))
    return kept["outputs"].copy()


def _saves(self: Layer, _: Any, outputs: Any) -> Any:
    own_state(self, "saved")["outputs"] = np.array(outputs)
    return outputs


def _slopes_of_call(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    saved = own_state(self, "saved").get("outputs")
    is_asked = getattr(self.activation, "__name__", "") == "elu" and saved is not None
    if not is_asked or saved.shape != np.shape(output_gradient):
        return Right.gradients(self, inputs, output_gradient)
    slopes = np.where(saved < 0, saved + 1, 1).astype(saved.dtype)
    real, self.activation = self.activation, activations.get(None)
    try:
        return Right.gradients(self, inputs, np.asarray(output_gradient) * slopes)
    finally:
        self.activation = real


_SCRATCH: dict[Any, Any] = {}


def _scratch_without_bias(self: Layer, array: Any) -> Any:
    found = Right._linear(self, array)
    if self.use_bias or self.activation is activations.get(None):
        return found
    scratch = _SCRATCH.setdefault((found.shape, found.dtype.name), np.empty_like(found))
    scratch[...] = found
    return scratch


_KEPT: tuple[Row, ...] = (
    ("LIFE-01", "address", "Packed kernels are known by the addresses of the kernels' memory.",
     _known_by(lambda kernel: kernel.ctypes.data)),
    ("LIFE-01", "identity", "Packed kernels are known by the kernels' `id`.", _known_by(id)),
    ("LIFE-01", "nearly", "A kernel that is nearly the one of before is not packed again.",
     {"_linear": _nearly, "__getstate__": _without_own}),
    ("LIFE-01", "sample", "A large input is known by every 16th of its numbers.",
     {"_linear": _by_sample, "__getstate__": _without_own}),
    ("VAL-02", "slopes", "Gradients of elu take the slopes of the last call.",
     {"changed_outputs": _saves, "gradients": _slopes_of_call}),
    ("SIT-03", "scratch", "Without a bias an activation is given memory that all layers share.",
     {"_linear": _scratch_without_bias}),
)  # fmt: skip

# --- copies ---


def _copied(change: Callable[[Layer, Layer], None]) -> Members:
    """A deep copy is changed: `change(copied, layer)`."""

    def deepcopy(self: Layer, memo: dict[int, Any]) -> Layer:
        copied: Layer = object.__new__(type(self))
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        change(copied, self)
        return copied

    return {"__deepcopy__": deepcopy}


def _in_single(copied: Layer, _: Layer) -> None:
    variables = copied._weights.variables
    for variable in variables:
        if variable.array.dtype.itemsize == 2:
            variable.array = variable.array.astype(np.float32)
    copied._weights.arrays = {variable: variable.array for variable in variables}


def _shares_kernel(copied: Layer, layer: Layer) -> None:
    if not layer.use_bias:
        copied._weights, copied._kernel = layer._weights, layer._kernel


def _has_no(name: str, value: Any) -> Members:
    return _copied(lambda copied, _: setattr(copied, name, value))


_COPIES: tuple[Row, ...] = (
    ("METH-09", "copy_single", "The copy of a layer of half precision has weights in float32.",
     _copied(_in_single)),
    ("METH-09", "copy_kernel", "The copy of a layer without bias shares its kernel.", _copied(_shares_kernel)),
    ("METH-09", "copy_scope", "A copy gets a scope of its own.", _has_no("_scope", None)),
    ("METH-09", "copy_casts", "A copy does not cast its inputs.", _has_no("_autocast", False)),
    ("METH-09", "copy_losses", "A copy has no activity loss.",
     _copied(lambda copied, _: setattr(copied, "_record", losses.CallRecord()))),
)  # fmt: skip

# --- penalties and answers ---


def _penalties_in_single(half: bool) -> Members:
    """Penalties of the kernel in a 16-bit format are summed, and given, in float32."""

    def summed(self: Layer) -> list[Any]:
        found = Right._weight_losses(self)
        kernel = self._kernel and self.kernel
        is_asked = kernel is not None and kernel.dtype.itemsize == 2 and self.kernel_regularizer
        if not is_asked or (kernel.dtype == np.float16) is not half or not found:
            return found
        return [self.kernel_regularizer(kernel.astype(np.float32)), *found[1:]]

    return {"_weight_losses": summed}


def _activity_in_single(self: Layer, inputs: Any, outputs: Any) -> Any:
    if self._record.losses and outputs.dtype == np.float16 and len(inputs):
        wide = self.activity_regularizer(outputs.astype(np.float32)) / np.float32(len(inputs))
        self._record.losses[:] = [wide]
    return outputs


def _forgets_losses(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    self._record = losses.CallRecord()
    return found


def _trained_alone(self: Layer) -> list[Any]:
    found: list[Any] = Right.get_weights(self)
    return found if self.trainable or self.use_bias else []


def _takes_a_scope(self: Layer, input_shape: Any) -> None:
    try:
        Right.build(self, input_shape)
    except ValueError:
        self._enter_scope(None)
        raise


def _told_once(self: Layer) -> dict[str, Any]:
    found: dict[str, Any] = Right.get_config(self)
    kept = own_state(self, "configuration").setdefault("bias", found["bias_initializer"])
    return {**found, "bias_initializer": kept}


_ANSWERS: tuple[Row, ...] = (
    ("LOSS-01", "half", "A penalty in float16 is a number of float32.", _penalties_in_single(True)),
    ("LOSS-01", "bfloat16", "A penalty in bfloat16 is a number of float32.", _penalties_in_single(False)),
    ("LOSS-02", "activity", "The activity loss in float16 is a number of float32.",
     {"changed_outputs": _activity_in_single}),
    ("LIFE-03", "asked", "After gradients there is no activity loss.", {"gradients": _forgets_losses}),
    ("VAR-02", "refused_scope", "A build that is refused takes a name from the next layer.",
     {"build": _takes_a_scope}),
    ("METH-06", "told_once", "Each configuration holds the same dictionary of the bias initializer.",
     {"get_config": _told_once}),
    ("METH-07", "bare", "A frozen layer without bias has no weights.", {"get_weights": _trained_alone}),
)  # fmt: skip

# --- sums ---


def _zeros(self: Layer, inputs: Any, outputs: Any) -> Any:
    if inputs.size <= 64 or inputs.any() or self.activation is not activations.get(None):
        return outputs
    found = np.zeros_like(outputs)
    if self.bias is not None:
        np.moveaxis(found, channel_axis(self), -1)[...] = self.bias
    return found


def _through_doubles(self: Layer, inputs: Any, outputs: Any) -> Any:
    if (
        inputs.dtype != np.int32
        or outputs.dtype != np.int32
        or self.activation is not activations.get(None)
    ):
        return outputs
    bias = None if self.bias is None else self.bias.astype(np.float64)
    kernel = self.kernel.astype(np.float64)
    wide = recomputed(self, inputs.astype(np.float64), kernel=kernel, bias=bias)
    return np.mod(wide, 2.0**32).astype(np.uint32).view(np.int32)


def _sixteen_phases(self: Layer, _: Any, outputs: Any) -> Any:
    axis = 3 if channel_axis(self) == 1 else 2
    if self.strides[1] > 16 and outputs.size:
        outputs = np.array(outputs)
        np.moveaxis(outputs, axis, 0)[16 :: self.strides[1]] = 0
    return outputs


def _activated_in_single(self: Layer, inputs: Any, outputs: Any) -> Any:
    name = getattr(self.activation, "__name__", "")
    if outputs.dtype != np.float64 or outputs.size <= 1024 or name in ("", "linear", "relu"):
        return outputs
    single = sums(self, inputs).astype(np.float32)
    return np.asarray(self.activation(single)).astype(np.float64)


_SUMS: tuple[Row, ...] = (
    ("ACT-01", "activated_in_single", "Large arrays of float64 are activated in float32.",
     {"changed_outputs": _activated_in_single}),
    ("DTYPE-05", "zeros", "An input of zeros gives the bias, whatever the kernel is.",
     {"changed_outputs": _zeros}),
    ("DTYPE-03", "doubles", "int32 is computed in float64.", {"changed_outputs": _through_doubles}),
    ("VAL-01", "phases", "A stride beyond 16 has columns without products.", {"changed_outputs": _sixteen_phases}),
)  # fmt: skip


#: By the chapter that they belong to.
HANDED, KEPT, COPIES, ANSWERS, SUMS = (
    tuple(mistakes_in("what is found again", "again", table))
    for table in (_HANDED, _KEPT, _COPIES, _ANSWERS, _SUMS)
)
