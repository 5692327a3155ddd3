"""A layer in the form that the suite wants: `conformance run --subject my_layer.py:MyLayer`.

Replace the sums in `__call__` by your own code. What you do not have is unsupported, which is no failure and no
pass: an argument that the constructor does not take, a method that is not here (`gradients`, `losses`,
`compute_output_shape`, `get_config`, ...), and whatever raises NotImplementedError.
"""

import numpy as np


class MyLayer:
    """Takes a part of the page's arguments; cases with any other are shown as unsupported."""

    def __init__(
        self, filters, kernel_size, strides=(1, 1), padding="valid", data_format="channels_last",
        use_bias=True, dtype="float32",
    ):  # fmt: skip
        self.filters, self.use_bias, self.dtype = filters, use_bias, dtype
        self.padding = padding.lower()
        self.kernel_size, self.strides = (
            (pair, pair) if isinstance(pair, int) else tuple(pair)
            for pair in (kernel_size, strides)
        )
        if data_format != "channels_last" or dtype not in ("float32", "float64"):
            raise NotImplementedError(f"no {data_format} in {dtype}")

    def build(self, input_shape):
        """Make the weights: kernel (height, width, filters, input channels), and bias (filters)."""
        self.kernel = np.zeros((*self.kernel_size, self.filters, input_shape[-1]), self.dtype)
        self.bias = np.zeros(self.filters, self.dtype) if self.use_bias else None

    def set_weights(self, weights):
        """Take [kernel, bias], or [kernel] without a bias: copies, for the caller may change its arrays."""
        copies = [np.array(weight, self.dtype) for weight in weights]
        made = [self.kernel, self.bias] if self.use_bias else [self.kernel]
        if [copy.shape for copy in copies] != [weight.shape for weight in made]:
            raise ValueError("set_weights: other shapes, or another number of weights")
        self.kernel, self.bias = copies if self.use_bias else (*copies, None)

    def __call__(self, inputs):
        """Array in, array out."""
        if not hasattr(self, "kernel"):
            raise NotImplementedError("no initializers")
        batch, height, width, _ = inputs.shape
        (rows, columns), (down, right) = self.kernel_size, self.strides
        overlap = max(rows - down, 0), max(columns - right, 0)
        shape = batch, height * down + overlap[0], width * right + overlap[1], self.filters
        outputs = np.zeros(shape, self.dtype)
        for y in range(height):
            for x in range(width):
                products = np.einsum("bc,hwfc->bhwf", inputs[:, y, x], self.kernel)
                y0, x0 = y * down, x * right
                outputs[:, y0 : y0 + rows, x0 : x0 + columns] += products
        if self.padding == "same":
            top, left = overlap[0] // 2, overlap[1] // 2
            outputs = outputs[:, top : top + height * down, left : left + width * right]
        return outputs if self.bias is None else outputs + self.bias
