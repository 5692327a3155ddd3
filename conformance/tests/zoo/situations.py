"""Layers that are right in plain surroundings, and wrong in one kind of situation."""

from __future__ import annotations

import copy
import gc
import importlib.util
import threading
import time
import weakref
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

_EXAMPLE = Path(__file__).parents[2] / "starts" / "my_layer.py"
_spec = importlib.util.spec_from_file_location("my_layer", _EXAMPLE)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
MyLayer: Any = _module.MyLayer


class StaleKernel(MyLayer):
    """The kernel of the first call is packed once; a later set_weights changes nothing."""

    def __call__(self, inputs):
        now = self.kernel
        if getattr(self, "packed", now).shape != now.shape or not hasattr(self, "packed"):
            self.packed = now.copy()
        self.kernel = self.packed
        try:
            return super().__call__(inputs)
        finally:
            self.kernel = now


class ReusedBuffer(MyLayer):
    """The result is a buffer that the next call of the same shape overwrites."""

    def __call__(self, inputs):
        outputs = super().__call__(inputs)
        buffers = self.__dict__.setdefault("buffers", {})
        buffer = buffers.setdefault((outputs.shape, outputs.dtype.name), np.empty_like(outputs))
        buffer[...] = outputs
        return buffer


class MemoryOrder(MyLayer):
    """Elements are read in the order of the memory, whatever the strides say."""

    def __call__(self, inputs):
        return super().__call__(np.ravel(inputs, order="K").reshape(np.shape(inputs)))


class KeptWeights(MyLayer):
    """set_weights keeps the caller's arrays: writing to them later changes the layer."""

    def set_weights(self, weights):
        super().set_weights(weights)
        self.kernel = weights[0]
        if len(weights) > 1:
            self.bias = weights[1]


class SecondCall(MyLayer):
    """The second call is off by one."""

    calls = 0

    def __call__(self, inputs):
        self.calls += 1
        return super().__call__(inputs) + (self.calls == 2)


class OneImage(MyLayer):
    """A single image is off by one."""

    def __call__(self, inputs):
        return super().__call__(inputs) + (len(inputs) == 1)


class SharedScratch(MyLayer):
    """The input is copied to scratch memory that all threads share."""

    def __call__(self, inputs):
        self.scratch = inputs
        rows = len(self.scratch)
        assert rows >= 0
        return super().__call__(self.scratch)


class Shifted(MyLayer):
    """Wrong in plain surroundings: the result is off by one."""

    def __call__(self, inputs):
        return super().__call__(inputs) + 1


class ResultIsInput(MyLayer):
    """The input itself is the result of a kernel of 1."""

    def __call__(self, inputs):
        outputs = super().__call__(inputs)
        return inputs if np.array_equal(outputs, inputs) else outputs


class KnownByIdentity(MyLayer):
    """The array of the last call is known again by its identity, not by what it holds."""

    seen = None

    def __call__(self, inputs):
        if inputs is not self.seen:
            self.seen, self.outputs = inputs, super().__call__(inputs)
        return self.outputs.copy()


class LiveWeights(MyLayer):
    """get_weights gives the layer's own arrays."""

    def get_weights(self):
        return [self.kernel] if self.bias is None else [self.kernel, self.bias]


class Locked(MyLayer):
    """Right, and one call at a time: a second thread waits."""

    def build(self, input_shape):
        super().build(input_shape)
        self.lock = threading.Lock()

    def __call__(self, inputs):
        with self.lock:
            time.sleep(0)
            return super().__call__(inputs)


class Refusing(MyLayer):
    """A memory map is refused, for it is a subclass."""

    def __call__(self, inputs):
        if type(inputs) is not np.ndarray:
            raise TypeError(f"an array is needed, not {type(inputs).__name__}")
        return super().__call__(inputs)


class OneByteOrder(MyLayer):
    """It takes float32 as this machine has it, and says so."""

    def __call__(self, inputs):
        if inputs.dtype != np.float32:
            raise TypeError("inputs must be float32")
        return super().__call__(inputs)


class ValidAlone(MyLayer):
    """Refuses 'same', in words of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.padding != "valid":
            raise ValueError("padding must be valid")


class SmallAlone(MyLayer):
    """Refuses images of more than seven rows or columns."""

    def __call__(self, inputs):
        if max(inputs.shape[1:3]) > 7:
            raise ValueError(f"the image is too large: {inputs.shape}")
        return super().__call__(inputs)


class WithBiasAlone(MyLayer):
    """Refuses a layer without a bias when it is built."""

    def build(self, input_shape):
        if not self.use_bias:
            raise ValueError("a bias is needed")
        super().build(input_shape)


class FourImagesAtMost(MyLayer):
    """Refuses larger batches."""

    def __call__(self, inputs):
        if len(inputs) > 4:
            raise ValueError(f"four images at most, got {len(inputs)}")
        return super().__call__(inputs)


class OneLayer(MyLayer):
    """Refuses weights while another layer of the class has some."""

    having: ClassVar[Any] = weakref.WeakSet()

    def set_weights(self, weights):
        super().set_weights(weights)
        if self._others():
            gc.collect()  # one that is gone is not in use; this takes long in a large process
        if self._others():
            raise ValueError("another layer is in use")
        self.having.add(self)

    def _others(self):
        return any(one is not self for one in self.having)


class OwnOutput(MyLayer):
    """An array that it gave is known again by its identity, not by what it holds now."""

    given = None

    def get_weights(self):
        return [w.copy() for w in (self.kernel, self.bias) if w is not None]

    def __call__(self, inputs):
        outputs = super().__call__(self.held if inputs is self.given else inputs)
        self.given, self.held = outputs, outputs.copy()
        return outputs


class PackOfThread(MyLayer):
    """Every thread but the first one keeps the kernel of its first call."""

    def __call__(self, inputs):
        other = copy.copy(self)
        if threading.current_thread() is not threading.main_thread():
            packs = self.__dict__.setdefault("packs", {})
            key = threading.get_ident(), self.kernel.shape
            other.kernel = packs.setdefault(key, self.kernel)
        return MyLayer.__call__(other, inputs)


class KeptStrides(MyLayer):
    """A list of strides is the caller's own: what is written into it later changes the layer."""

    def __init__(self, filters, kernel_size, strides=(1, 1), *args, **kwargs):
        super().__init__(filters, kernel_size, strides, *args, **kwargs)
        if isinstance(strides, list):
            self.strides = strides


class TuplesAlone(MyLayer):
    """Refuses lists."""

    def __init__(self, filters, kernel_size, strides=(1, 1), *args, **kwargs):
        super().__init__(filters, kernel_size, strides, *args, **kwargs)
        if list in (type(kernel_size), type(strides)):
            raise TypeError("a tuple is needed")
