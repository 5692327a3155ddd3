"""Inputs as tensors (groups SHAPE, DTYPE)."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose
from reference_impl.layer.calls.inputs import as_tensor


@pytest.mark.parametrize("dtype", ["longdouble", "O"])
def test_numbers_that_no_tensor_holds_are_refused(dtype):
    with pytest.raises(ValueError, match="Unsupported object type"):
        Conv2DTranspose(1, 2)(np.ones((1, 2, 2, 1), dtype))


def test_a_native_array_is_not_copied():
    inputs = np.ones((1, 2, 2, 1))
    assert as_tensor(inputs, "layer") is inputs
