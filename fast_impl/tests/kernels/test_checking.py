"""What `FAST_IMPL_CHECK=1` refuses: every call that would touch a byte beyond its arrays, before it runs."""

import functools

import numpy as np
import pytest

from fast_impl.forward import direct
from fast_impl.gradients import direct_kernel
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import KernelGradient
from fast_impl.kernels import copying
from fast_impl.kernels.format import Products, Sums
from fast_impl.kernels.sums import calls
from fast_impl.kernels.tasks import Tasks
from fast_impl.planning import planner
from fast_impl.runtime import blas, checking
from fast_impl.runtime.checking import AddressError
from fast_impl.tests.made import made
from fast_impl.tests.targets import generated, on_each_target

pytestmark = generated


@pytest.mark.parametrize(("value", "on"), [(None, False), ("", False), ("0", False), ("1", True)])
def test_the_switch(value, on, monkeypatch):
    monkeypatch.delenv("FAST_IMPL_CHECK", raising=False)
    if value is not None:
        monkeypatch.setenv("FAST_IMPL_CHECK", value)
    assert checking.wanted.__wrapped__() is on


def test_the_switch_is_on_in_all_tests_of_the_library():
    assert checking.wanted()


@on_each_target
def test_without_the_switch_nothing_is_checked(target, monkeypatch):
    monkeypatch.setattr(checking, "wanted", lambda: False)
    monkeypatch.setattr(checking, "prove", lambda *_: pytest.fail("checked"))
    given = made("odd pixel after")
    plan = planner.planned(given.problem, "direct", 1, planner.WORKSPACE_LIMIT, target)
    np.testing.assert_array_equal(plan.run(given.x, given.k, bias=given.bias), given.expected)


# --- arrays that are a number too short -------------------------------------------------------


@functools.cache
def forward_calls(target, name="odd pixel after", filters=17):
    """A prepared plan and its operands: inputs, packed weights, lanes of the bias, output."""
    given = made(name, 7, 9, filters)
    method = direct._candidates(given.problem, target)[0]
    method.prepare(1)
    out = np.full(given.expected.size, 77, "f4")
    return method.prepared, [
        given.x.reshape(-1),
        method.pack(given.k),
        method.prepared.no_bias,
        out,
    ]


@on_each_target
@pytest.mark.parametrize("end", [slice(1, None), slice(None, -1)], ids=["begins", "ends"])
@pytest.mark.parametrize("which", range(4), ids=["inputs", "weights", "bias", "output"])
@pytest.mark.parametrize("name", ["plain", "odd pixel after", "wider than a tile"])
def test_sums_need_every_number_of_their_operands(target, name, which, end):
    prepared, operands = forward_calls(target, name)
    prepared.run(*operands)
    short = [array[end] if i == which else array for i, array in enumerate(operands)]
    operands[3][...] = 77
    with pytest.raises(AddressError, match="nothing was run"):
        prepared.run(*short)
    assert (operands[3] == 77).all()


WAYS = {
    "where they lie": {"_FEW": 1000, "_SHORT": 0, "_WORTH": 0},
    "exchanged where they can be": {"_FEW": 1000, "_SHORT": 0, "_WORTH": 1e9},
    "in blocks": {"_FEW": 0, "_REUSE": 0},
}


@on_each_target
@pytest.mark.parametrize("end", [slice(1, None), slice(None, -1)], ids=["begins", "ends"])
@pytest.mark.parametrize("way", WAYS)
def test_products_need_every_number_of_their_result(target, way, end, monkeypatch):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    given = made("odd pixel after", 7, 9, 5)
    method = KernelGradient(given.problem, 1, 1 << 26, target)
    out = np.zeros(given.k.size, "f4")
    with pytest.raises(AddressError, match="nothing was run"):
        method._sum(given.x, given.g, out[end])
    assert not out.any()


@on_each_target
@pytest.mark.parametrize("end", [slice(1, None), slice(None, -1)], ids=["begins", "ends"])
@pytest.mark.parametrize("field", [Products.INPUTS, Products.GRADIENTS])
@pytest.mark.parametrize("way", WAYS)
def test_products_need_every_number_of_their_operands(target, way, field, end, monkeypatch):
    proved = checking.prove

    def shortened(tasks, told, arrays):
        if field in arrays and Products.RESULT in arrays:
            arrays[field] = arrays[field].reshape(-1)[end]
        proved(tasks, told, arrays)

    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    monkeypatch.setattr(checking, "prove", shortened)
    given = made("plain", 7, 16, 5)
    with pytest.raises(AddressError, match="nothing was run"):
        KernelGradient(given.problem, 1, 1 << 26, target).run(
            given.x, given.g, np.zeros_like(given.k)
        )


@on_each_target
@pytest.mark.parametrize("step", [0, 8, 12, 4096, -4])
def test_copies_need_every_number_of_their_source(target, step, monkeypatch):
    """A size of a number taken from the stride of an axis of one element killed the process."""
    source = np.lib.stride_tricks.as_strided(np.ones(12, "f4"), (3, 4, 1), (16, 4, step))
    monkeypatch.setattr(copying, "steps", lambda array: array.strides)
    panels = np.zeros((1, 3, 4, 8), "f4")
    with pytest.raises(AddressError, match="nothing was run"):
        copying.fill(panels, source, 0, target)


@on_each_target
def test_copies_need_every_number_of_their_target(target, monkeypatch):
    panels = np.zeros((2, 3, 4, 8), "f4")
    monkeypatch.setattr(checking, "steps", lambda array: (0,) * array.ndim)
    with pytest.raises(AddressError, match="nothing was run"):
        copying.fill(panels, np.ones((3, 4, 16), "f4"), 0, target)
    assert not panels.any()


# --- plans that are wrong ------------------------------------------------------------------------


def _raises_or_not(prepared, operands):
    try:
        prepared.run(*operands)
    except AddressError:
        return True
    return False


@on_each_target
@pytest.mark.parametrize("by", [1 << 24, -(1 << 24)])
@pytest.mark.parametrize("number", range(40))
def test_a_stream_with_one_wrong_word_runs_only_inside_its_arrays(target, number, by):
    """A word may be unused, or another place in the array; a kernel that left it would die here."""
    prepared, operands = forward_calls(target)
    streams = prepared._streams
    word = number * len(streams) // 40
    kept = int(streams[word])
    try:
        streams[word] = np.clip(kept + by, -(1 << 31), (1 << 31) - 1)
        _raises_or_not(prepared, operands)
    finally:
        streams[word] = kept
    assert not _raises_or_not(prepared, operands)


@on_each_target
@pytest.mark.parametrize("place", [1, 2], ids=["inputs", "outputs"])
def test_a_job_that_begins_elsewhere_is_refused(target, place):
    prepared, operands = forward_calls(target)
    kept = prepared._jobs.copy()
    try:
        prepared._jobs[-1, place] += 1 << 20
        assert _raises_or_not(prepared, operands)
    finally:
        prepared._jobs[...] = kept


@on_each_target
@pytest.mark.parametrize(
    "field", [Sums.JOBS, Sums.COUNT, Sums.STREAMS, Sums.NOTHING, Sums.PANELS, Sums.WEIGHTS_STEP]
)
@pytest.mark.parametrize("by", [1 << 24, -(1 << 24)])
def test_a_call_with_one_wrong_field_is_refused(target, field, by, monkeypatch):
    prepared, operands = forward_calls(target, "odd pixel after", 512)
    told = prepared._near.template.copy()
    told[:, field // 8] += by
    tasks = Tasks(told, Sums.INPUTS, 4, prepared._near.tasks, target)
    monkeypatch.setattr(prepared, "_near", tasks)
    monkeypatch.setattr(prepared, "_far", tasks)
    with pytest.raises(AddressError, match="nothing was run"):
        prepared.run(*operands)


@on_each_target
def test_a_stream_without_an_end_is_refused(target):
    prepared, operands = forward_calls(target)
    kept = int(prepared._streams[-1])
    prepared._streams[-1] = 1
    try:
        with pytest.raises(AddressError, match="a stream has no end"):
            prepared.run(*operands)
    finally:
        prepared._streams[-1] = kept


@on_each_target
def test_lines_around_the_caches_begin_with_a_vector(target, monkeypatch):
    given = made("plain", filters=16)
    method = direct.Direct(
        given.problem, direct._candidates(given.problem, target)[0].pieces, target
    )
    method.prepare(1)
    monkeypatch.setattr(calls.memory, "LINE", 1)
    method.prepared._far.template[:, Sums.AROUND // 8] = 1
    room = np.empty(given.expected.size + 9, "f4")
    first = -room.ctypes.data // 4 % 8
    out = room[first + 1 :][: given.expected.size].reshape(given.expected.shape)
    with pytest.raises(AddressError, match="begins inside one"):
        method.run(given.x, method.pack(given.k), None, out)


@on_each_target
def test_a_wrong_gradient_of_the_inputs_is_refused_too(target):
    given = made("odd pixel after", 7, 9, 5)
    method = InputGradient(given.problem, 1, target, 1 << 26)
    with pytest.raises(AddressError, match="nothing was run"):
        method.run(given.k, given.g.reshape(-1)[:-1], np.empty_like(given.x))


# --- matrix products ------------------------------------------------------------------------------

PRODUCT = blas.Product(m=3, n=4, k=2, w=5, w_row=2, x=1, x_row=2, y=0, y_row=6)
FLAT = np.zeros(13, "f4"), np.zeros(7, "f4"), np.zeros(16, "f4")


def _multiply(product, w, x, y):
    dtype = np.dtype("f4")
    blas.runner(dtype)(blas.compile_products([product], dtype), w, x, y)


@pytest.fixture(params=[False, True], ids=["BLAS", "NumPy"])
def _either(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(blas, "available", lambda dtype: False)


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("which", range(3))
def test_a_product_needs_every_number_of_its_matrices(which):
    _multiply(PRODUCT, *FLAT)
    short = [array[:-1] if i == which else array for i, array in enumerate(FLAT)]
    with pytest.raises(AddressError, match=f"matrix {'wxy'[which]} of Product"):
        _multiply(PRODUCT, *short)


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize(
    "change", [{"w": -1}, {"x": -1}, {"y": -1}, {"w_row": 1}, {"x_row": 1}, {"y_row": 3}], ids=str
)
def test_a_product_of_other_matrices_is_refused(change):
    with pytest.raises(AddressError, match="nothing was run"):
        _multiply(PRODUCT._replace(**change), *FLAT)


@pytest.mark.usefixtures("_either")
@pytest.mark.parametrize("which", range(3))
def test_a_product_needs_flat_buffers(which):
    apart = [np.repeat(a, 2)[::2] if i == which else a for i, a in enumerate(FLAT)]
    with pytest.raises(AddressError, match="nothing was run"):
        _multiply(PRODUCT, *apart)
