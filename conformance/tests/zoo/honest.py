"""Honest layers of strangers: right where they compute, and each refuses, or casts, in a manner of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

import fast_impl


class Plain:
    """Few arguments; the weights are made by `build`, or by the first call."""

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid"
    ) -> None:
        self._layer = fast_impl.Conv2DTranspose(filters, kernel_size, strides, padding)

    def build(self, shape: Any) -> None:
        self._layer.build(shape)

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights)

    @property
    def kernel(self) -> Any:
        return self._layer.kernel

    @property
    def bias(self) -> Any:
        return self._layer.bias

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)


class Single(Plain):
    """float32 alone."""

    def __call__(self, inputs: Any) -> Any:
        if inputs.dtype != np.float32:
            self.refuse(inputs.dtype)
        return super().__call__(inputs)

    def refuse(self, dtype: Any) -> None:
        raise TypeError(f"this layer is for float32 and not for {dtype}")


class InWordsOfTorch(Single):
    """Says of another dtype, and of another number of axes, what PyTorch says."""

    def __call__(self, inputs: Any) -> Any:
        if inputs.ndim != 4:
            raise RuntimeError(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
                "desired ordering of dimensions"
            )
        return super().__call__(inputs)

    def refuse(self, dtype: Any) -> None:
        name = {"float64": "Double", "float16": "Half"}.get(str(dtype), "Long")
        raise RuntimeError(f"expected scalar type {name} but found Float")


class OddOnly(Single):
    """Refuses kernels without a centre."""

    def __init__(self, filters: Any, kernel_size: Any, *args: Any, **more: Any) -> None:
        sides = [side for side in np.ravel(kernel_size) if isinstance(side, (int, np.integer))]
        if any(side % 2 == 0 for side in sides):
            raise ValueError("kernels are centred here: sides have to be odd")
        super().__init__(filters, kernel_size, *args, **more)


class FewActivations(fast_impl.Conv2DTranspose):
    """Knows no activation but relu."""

    def __init__(
        self, filters: Any, kernel_size: Any, *args: Any, activation: Any = None, **more: Any
    ) -> None:
        if activation not in (None, "linear", "relu"):
            raise ValueError(f"Unknown activation: {activation}")
        super().__init__(filters, kernel_size, *args, activation=activation, **more)


class Casting(fast_impl.Conv2DTranspose):
    """Has a dtype from the beginning, to which it casts its inputs, as layers of Keras do."""

    def __init__(self, *args: Any, dtype: Any = "float32", **more: Any) -> None:
        super().__init__(*args, dtype=dtype, **more)
        self._own = dtype

    def __call__(self, inputs: Any, *args: Any, **more: Any) -> Any:
        inputs = np.asarray(inputs)
        return super().__call__(inputs.real.astype(self._own), *args, **more)


class Wide(Single):
    """Computes in float64, and leaves it at that."""

    def __call__(self, inputs: Any) -> Any:
        if inputs.dtype.kind != "f":
            raise TypeError("no such numbers here")
        return self._layer(inputs.astype(np.float32)).astype(np.float64)


class PairsOnly(Plain):
    """Takes a number for each axis, and no single one for both."""

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid"
    ) -> None:
        (height, width), (down, right) = kernel_size, strides
        super().__init__(filters, (height, width), (down, right), padding)


class Double(Plain):
    """Has weights in float64, and so results, whatever comes in."""

    def set_weights(self, weights: Any) -> None:
        super().set_weights([np.asarray(one, np.float32) for one in weights])

    def get_weights(self) -> Any:
        return [one.astype(np.float64) for one in self._layer.get_weights()]

    def __call__(self, inputs: Any) -> Any:
        return self._layer(np.asarray(inputs, np.float32)).astype(np.float64)


class Wider(Plain):
    """Takes float32 alone, makes its weights by itself, and computes in float64."""

    def __call__(self, inputs: Any) -> Any:
        if inputs.dtype != np.float32:
            raise TypeError(f"this layer is for float32 and not for {inputs.dtype}")
        return self._layer(inputs).astype(np.float64)


class Promising(Plain):
    """Gives a promise of its result, as a coroutine or a delayed computation is one."""

    def __call__(self, inputs: Any) -> Any:
        return lambda: self._layer(inputs)


class CropsAtTheBeginning(Plain):
    """No honest one: "same" takes the odd row from the top. Its constructor knows no use_bias."""

    def __init__(
        self, filters: Any, kernel_size: Any, strides: Any = (1, 1), padding: Any = "valid"
    ) -> None:
        super().__init__(filters, kernel_size, strides, "valid")
        kernel, down = np.ravel(kernel_size)[0], np.ravel(strides)[0]
        self._odd = padding.lower() == "same" and max(0, int(kernel) - int(down)) % 2
        self._right = fast_impl.Conv2DTranspose(filters, kernel_size, strides, padding)

    def build(self, shape: Any) -> None:
        self._layer.build(shape)
        self._right.build(shape)

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights)
        self._right.set_weights(weights)

    def __call__(self, inputs: Any) -> Any:
        right = self._right(inputs)
        if not self._odd:
            return right
        crop = self._layer(inputs).shape[1] - right.shape[1]
        full, left = self._layer(inputs), (self._layer(inputs).shape[2] - right.shape[2]) // 2
        top = crop - crop // 2
        return full[:, top : top + right.shape[1], left : left + right.shape[2]]


class FirstCropsAtTheBeginning(CropsAtTheBeginning):
    """The same in channels_first alone."""

    def __init__(self, *args: Any, data_format: Any = "channels_first", **more: Any) -> None:
        if data_format != "channels_first":
            raise NotImplementedError("channels_first alone")
        super().__init__(*args, **more)

    def build(self, shape: Any) -> None:
        super().build((None, None, None, shape[1]))

    def __call__(self, inputs: Any) -> Any:
        return super().__call__(inputs.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


class NoneOfAWrongType(fast_impl.Conv2DTranspose):
    """Says TypeError where an initializer is given None for a number, as PyTorch does."""

    def __init__(self, *args: Any, kernel_initializer: Any = None, **more: Any) -> None:
        config = (
            kernel_initializer.get("config", {}) if isinstance(kernel_initializer, dict) else {}
        )
        self._is_typed = None in config.values()
        try:
            super().__init__(*args, kernel_initializer=kernel_initializer, **more)
        except ValueError as error:
            raise (TypeError("None") if self._is_typed else error) from error

    def __call__(self, *args: Any, **more: Any) -> Any:
        try:
            return super().__call__(*args, **more)
        except ValueError as error:
            raise (TypeError("None") if self._is_typed else error) from error
