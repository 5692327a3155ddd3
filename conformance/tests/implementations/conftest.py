"""What holds for both implementations is asked of both, by one test.

A test takes what it needs of an implementation as an argument: the class ``Conv2DTranspose``, or a module of what
a layer's arguments may name. What holds for one of them alone is tested in its own package.
"""

import os
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
import reference_impl
import reference_impl.formulas.axes
import reference_impl.layer.activations
import reference_impl.layer.initializers.random_values
import reference_impl.layer.losses.regularizers
import reference_impl.layer.weights.constraints
from fast_impl.problem.geometry import Axis

# Every call of a kernel in these tests is checked first.
os.environ["FAST_IMPL_CHECK"] = "1"


def _same_crop_of_the_reference(length, kernel, stride, dilation=1, extra=None):
    """How much padding "same" drops before and after."""
    axis = reference_impl.formulas.axes.transposed(
        length, kernel, stride, True, dilation=dilation, extra=extra
    )
    return axis.before, axis.full - axis.before - axis.kept


def _same_crop_of_fast(length, kernel, stride, dilation=1, extra=None):
    axis = Axis.resolve("height", length, kernel, stride, "same", dilation, extra)
    full = (axis.input - 1) * axis.stride + axis.extent
    return axis.before, full - axis.before - axis.output


IMPLEMENTATIONS = {
    "reference": SimpleNamespace(
        Conv2DTranspose=reference_impl.Conv2DTranspose,
        activations=reference_impl.layer.activations,
        constraints=reference_impl.layer.weights.constraints,
        initializers=reference_impl.layer.initializers,
        regularizers=reference_impl.layer.losses.regularizers,
        fans=reference_impl.layer.initializers.random_values.fans,
        conv2d_transpose=reference_impl.conv2d_transpose,
        output_shape=reference_impl.output_shape,
        same_crop=_same_crop_of_the_reference,
        slope=reference_impl.layer.activations.gradient,
    ),
    "fast": SimpleNamespace(
        Conv2DTranspose=fast_impl.Conv2DTranspose,
        activations=fast_impl.activations,
        constraints=fast_impl.constraints,
        initializers=fast_impl.initializers,
        regularizers=fast_impl.regularizers,
        conv2d_transpose=fast_impl.conv2d_transpose,
        output_shape=fast_impl.output_shape,
        same_crop=_same_crop_of_fast,
        fans=fast_impl.initializers._fans,
        slope=lambda function, x, g: function.gradient(x, np.asarray(function(x)), g),
    ),
}


@pytest.fixture(params=IMPLEMENTATIONS.values(), ids=list(IMPLEMENTATIONS))
def implementation(request):
    return request.param


def _part(name):
    """A fixture: a part of the implementation."""

    @pytest.fixture(name=name)
    def part(implementation):
        return getattr(implementation, name)

    return part


Conv2DTranspose = _part("Conv2DTranspose")
activations = _part("activations")
constraints = _part("constraints")
initializers = _part("initializers")
regularizers = _part("regularizers")


@pytest.fixture
def slope(implementation):
    """The gradient of ``function`` at x, multiplied by the output's gradient g."""
    return implementation.slope


@pytest.fixture
def refused():
    """``with refused("TypeError", match):`` the block must raise this very class, not one derived from it."""

    @contextmanager
    def refusing(error, match):
        with pytest.raises(Exception, match=match) as caught:
            yield
        assert caught.type.__name__ == error

    return refusing
