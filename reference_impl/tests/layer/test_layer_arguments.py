"""Arguments that this implementation alone takes, and memory that it does not ask for (group ARG)."""

from types import SimpleNamespace

import numpy as np
import pytest

from reference_impl import Conv2DTranspose


@pytest.mark.parametrize("arguments", [{"filters": 10**9}, {"strides": 10**6}])
def test_a_call_that_needs_too_much_memory_is_refused(arguments):
    layer = Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})
    with pytest.raises(MemoryError, match="OOM when allocating"):
        layer(np.ones((1, 2, 2, 1), dtype=np.float32))


@pytest.mark.parametrize(
    ("dtype", "name"), [(SimpleNamespace(name="float64"), "float64"), ("", "float32")]
)
def test_a_dtype_may_be_anything_with_the_name_of_one(dtype, name):
    assert Conv2DTranspose(1, 1, dtype=dtype).dtype == name


@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_a_weight_without_initializer_is_made_for_numbers_and_booleans(dtype):
    made = Conv2DTranspose(1, 1, dtype=dtype, use_bias=False)
    made.build((1, 1, 1, 1))
    assert made.kernel.dtype.name == dtype
