import dataclasses
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import fast_impl
from fast_impl.planning import planner
from fast_impl.problem import dtypes

METHODS = fast_impl.algorithms()


def _plan(geometry, **options):
    return fast_impl.plan(geometry.input_shape, geometry.kernel_shape, **geometry.config, **options)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_equals_the_loops(geometry, method, threads, integers, loops):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    bias = integers(geometry.filters)
    plan = _plan(geometry, algorithm=method, threads=threads)
    expected = loops.forward(x, k, geometry.config, bias)
    np.testing.assert_array_equal(plan.run(x, k, bias=bias), expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_computes_every_float_format(geometry, method, dtype, integers, loops):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    plan = _plan(geometry, algorithm=method, dtype=dtype)
    number = plan.problem.dtype
    x, k = integers(geometry.input_shape, number), integers(geometry.kernel_shape, number)
    got = plan.run(x, k)
    assert got.dtype == number
    np.testing.assert_array_equal(got.astype(np.float64), loops.forward(x, k, geometry.config))


@pytest.mark.parametrize("where", ["inputs", "kernel"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_special_values_in_their_place(geometry, method, where, integers, loops):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    array = x if where == "inputs" else k
    array.reshape(-1)[array.size // 3] = np.inf
    bias = integers(geometry.filters)
    got = _plan(geometry, algorithm=method).run(x, k, bias=bias)
    np.testing.assert_array_equal(got, loops.forward(x, k, geometry.config, bias))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reads_arrays_in_any_order(geometry, method, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    plan = _plan(geometry, algorithm=method)
    got = plan.run(np.asfortranarray(x), np.asfortranarray(k))
    np.testing.assert_array_equal(got, plan.run(x, k))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_into_a_poisoned_strided_array(geometry, method, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    plan = _plan(geometry, algorithm=method)
    shape = plan.problem.output_shape
    room = np.full((shape[0], shape[1], shape[2], 2 * shape[3]), np.nan, np.float32)
    plan.run(x, k, out=room[..., ::2])
    np.testing.assert_array_equal(room[..., ::2], plan.run(x, k))
    assert np.isnan(room[..., 1::2]).all()


@pytest.mark.parametrize("method", METHODS)
def test_many_images_are_taken_in_pieces(method, integers, loops):
    x, k = integers((37, 3, 2, 3)), integers((3, 3, 2, 3))
    plan = fast_impl.plan(x.shape, k.shape, 2, "same", algorithm=method, threads=2)
    config = {"strides": (2, 2), "padding": "same"}
    np.testing.assert_array_equal(plan.run(x, k), loops.forward(x, k, config))


@pytest.mark.parametrize("method", METHODS)
def test_a_tall_image_is_taken_in_strips(method, integers):
    x, k = integers((1, 700, 9, 4)), integers((4, 3, 5, 4))
    plan = fast_impl.plan(x.shape, k.shape, (3, 2), "same", algorithm=method, threads=2)
    exact = fast_impl.plan(x.shape, k.shape, (3, 2), "same", algorithm="scatter")
    np.testing.assert_array_equal(plan.run(x, k), exact.run(x, k))


@pytest.mark.parametrize("method", METHODS)
def test_runs_repeat_bit_by_bit(method):
    generator = np.random.default_rng(1)
    x = generator.normal(size=(4, 9, 8, 16)).astype(np.float32)
    k = generator.normal(size=(5, 4, 12, 16)).astype(np.float32)
    plan = fast_impl.plan(x.shape, k.shape, 2, "same", algorithm=method, threads=2)
    first = plan.run(x, k)
    fast_impl.conv2d_transpose(x[:2, :3], k[:2], 3)
    np.testing.assert_array_equal(plan.run(x, k), first)


@pytest.mark.parametrize("method", METHODS)
def test_the_images_of_out_may_lie_apart(method, integers):
    x, k = integers((3, 4, 5, 2)), integers((2, 2, 3, 2))
    plan = fast_impl.plan(x.shape, k.shape, 2, algorithm=method)
    room = np.full((3, 9, 10, 3), np.nan, np.float32)
    plan.run(x, k, out=room[:, :8])
    np.testing.assert_array_equal(room[:, :8], plan.run(x, k))


def test_the_same_arguments_give_the_same_plan():
    arguments = ((1, 5, 6, 3), (3, 3, 4, 3), 2, "same")
    assert fast_impl.plan(*arguments) is fast_impl.plan(*arguments)


def test_a_plan_cannot_be_changed():
    plan = fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3))
    with pytest.raises(AttributeError):
        plan.threads = 7


def test_a_plan_says_what_it_does_and_what_else_there_was():
    text = fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3), 2).describe()
    assert "(1, 5, 6, 3) -> (1, 11, 13, 4)" in text
    assert "instead of" in text


def test_a_packed_kernel_serves_many_runs(integers):
    x, k = integers((1, 5, 6, 3)), integers((3, 3, 4, 3))
    plan = fast_impl.plan(x.shape, k.shape, 2)
    np.testing.assert_array_equal(plan.run(x, plan.pack(k)), plan.run(x, k))


def test_a_kernel_packed_by_another_plan_is_refused(integers):
    x, k = integers((1, 5, 6, 3)), integers((3, 3, 4, 3))
    packed = fast_impl.plan(x.shape, k.shape, 3).pack(k)
    with pytest.raises(fast_impl.InvalidArgumentError, match="packed by another plan"):
        fast_impl.plan(x.shape, k.shape, 2).run(x, packed)


@pytest.mark.parametrize(
    ("options", "text"),
    [({"algorithm": "magic"}, "algorithm='magic'"), ({"threads": 0}, "threads=0")],
)
def test_a_wrong_choice_is_refused(options, text):
    with pytest.raises(ValueError, match=text):
        fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3), **options)


def test_arrays_of_another_shape_are_refused(integers):
    plan = fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3))
    with pytest.raises(fast_impl.InvalidArgumentError, match="inputs must have shape"):
        plan.run(integers((1, 5, 5, 3)), integers((3, 3, 4, 3)))


def test_integers_are_scattered_whatever_is_asked_for():
    plan = fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3), dtype="int32", algorithm="blocks")
    assert plan.algorithm == "scatter"


@pytest.mark.parametrize("shape", [(1, 2048, 2048, 16), (1, 128, 128, 21)])
def test_the_planned_workspace_is_bounded(shape):
    kernel = (3, 3, 16, 16) if shape[3] == 16 else (64, 64, 21, 21)
    plan = fast_impl.plan(shape, kernel, 2 if shape[3] == 16 else 32, "same")
    assert plan.workspace <= 64 << 20


@pytest.mark.parametrize("method", METHODS)
def test_the_measured_workspace_is_the_planned_one(method):
    import tracemalloc

    x, k = np.ones((2, 300, 200, 8), np.float32), np.ones((4, 4, 8, 8), np.float32)
    plan = fast_impl.plan(x.shape, k.shape, 2, "same", algorithm=method, threads=2)
    out = np.empty(plan.problem.output_shape, np.float32)
    packed = plan.pack(k)
    plan.run(x, packed, out=out)
    tracemalloc.start()
    plan.run(x, packed, out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= plan.workspace + (1 << 20)


def test_a_smaller_workspace_is_respected():
    plan = fast_impl.plan((8, 64, 64, 32), (5, 5, 32, 32), 2, "same", workspace_limit=1 << 20)
    assert plan.workspace <= 1 << 20 or plan.algorithm == "scatter"


def test_calls_from_many_threads_give_the_same_bits():
    generator = np.random.default_rng(1)
    x = generator.normal(size=(4, 20, 20, 32)).astype(np.float32)
    k = generator.normal(size=(5, 5, 24, 32)).astype(np.float32)
    expected = fast_impl.conv2d_transpose(x, k, 2, "same")
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(fast_impl.conv2d_transpose(x, k, 2, "same")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all(np.array_equal(result, expected) for result in results)


def _blas_threads():
    from fast_impl.runtime import blas

    functions = blas._thread_functions()
    if functions is None:
        pytest.skip("the threads of this BLAS cannot be read")
    return functions[0]()


def test_the_threads_of_the_blas_are_put_back(integers):
    x, k = integers((2, 40, 40, 32)), integers((3, 3, 32, 32))
    fast_impl.conv2d_transpose(x, k)
    before = _blas_threads()
    fast_impl.conv2d_transpose(x, k)
    assert _blas_threads() == before


def test_the_threads_of_the_blas_are_put_back_after_an_exception():
    from fast_impl.runtime import blas

    before = _blas_threads()
    with pytest.raises(KeyError), blas.one_thread():
        raise KeyError
    assert _blas_threads() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_computes_the_same():
    code = """
import os, numpy as np, fast_impl
x = np.ones((2, 40, 40, 32), np.float32); k = np.ones((3, 3, 32, 32), np.float32)
expected = fast_impl.conv2d_transpose(x, k, 2)
child = os.fork()
if child == 0:
    same = np.array_equal(fast_impl.conv2d_transpose(x, k, 2), expected)
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize("method", METHODS)
def test_without_the_addresses_of_scipy_the_results_agree(
    geometry, method, integers, loops, monkeypatch
):
    from fast_impl.runtime import blas

    monkeypatch.setattr(blas, "available", lambda dtype: False)
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    got = _plan(geometry, algorithm=method, threads=1).run(x, k)
    np.testing.assert_array_equal(got, loops.forward(x, k, geometry.config))


def test_without_the_addresses_of_scipy_the_gradients_agree(geometry, integers, loops, monkeypatch):
    from fast_impl.runtime import blas

    monkeypatch.setattr(blas, "available", lambda dtype: False)
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    g = integers(_plan(geometry).problem.output_shape)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    for found, expected in zip(got, loops.gradients(x, k, g, geometry.config), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_every_method_turns_a_bias_of_minus_zero_into_zero(method, dtype):
    x, k = np.zeros((1, 2, 2, 1), dtype), np.ones((3, 3, 1, 1), dtype)
    plan = fast_impl.plan(x.shape, k.shape, 4, algorithm=method, dtype=dtype)
    assert not np.signbit(plan.run(x, k, bias=np.array([-0.0], dtype))).any()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("method", METHODS)
def test_many_pixels_are_multiplied_in_pieces(method, data_format, integers):
    shape = (2, 3, 40, 65) if data_format == "channels_first" else (2, 40, 65, 3)
    x, k = integers(shape), integers((3, 2, 2, 3))
    plans = [
        fast_impl.plan(x.shape, k.shape, 2, "same", data_format, algorithm=name, threads=2)
        for name in (method, "scatter")
    ]
    np.testing.assert_array_equal(plans[0].run(x, k), plans[1].run(x, k))


def test_a_plan_is_described_in_full():
    problem = fast_impl.plan((1, 5, 6, 3), (3, 3, 4, 3), 2).problem
    rejected = (("small", 0.002), ("scatter", 0.25))
    plan = planner.Plan(problem, "blocks", 2, 1234567, 0.0015, "a b", rejected, True, False, None)
    assert plan.describe() == (
        "blocks: a b\n"
        "(1, 5, 6, 3) -> (1, 11, 13, 4), float32, kernel (3, 3, 4, 3), 3,240 multiply-adds\n"
        "2 thread(s), 1,234,567 bytes of workspace, predicted 1.500 ms\n"
        "instead of: small 2.000 ms, scatter 250.000 ms\n"
        "a kernel with NaN or infinity is computed by scatter instead"
    )
    plan = planner.Plan(problem, "small", 1, 10, 0.0015, "a b", (), False, False, None)
    assert len(plan.describe().splitlines()) == 3
    plan = planner.Plan(problem, "direct", 1, 10, 0.0015, "a b", (), False, True, None)
    assert plan.describe().splitlines()[3:] == [
        "a result with NaN or infinity is computed again by scatter"
    ]


@pytest.mark.parametrize(
    ("values", "dtype", "finite"),
    [
        ([1, -2, 3], "float32", True),
        ([1, np.nan, 3], "float32", False),
        ([1, 2, np.inf], "float64", False),
        ([np.inf, -np.inf], "float16", False),
        ([3e38, 3e38, 1], "float32", True),
        ([3e38, 3e38, np.nan], "float32", False),
        ([60000, 60000], "float16", True),
        ([1, 2], "int32", True),
        ([], "float32", True),
        ([3e38, 3e38], "bfloat16", True),
        ([1, np.inf], "bfloat16", False),
    ],
)
def test_an_array_is_finite_or_not_whatever_its_sum_is(values, dtype, finite):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    with np.errstate(all="raise"):
        assert planner.all_finite(np.array(values, dtypes.by_name(dtype))) is finite


def test_a_sum_of_finite_numbers_is_looked_at_once(monkeypatch):
    asked = []
    real = np.isfinite
    monkeypatch.setattr(np, "isfinite", lambda a: asked.append(np.ndim(a)) or real(a))
    assert planner.all_finite(np.full(5000, 60000, np.float16))
    assert asked == [0]


def test_few_numbers_are_looked_at_one_by_one(monkeypatch):
    """In less time than it takes to switch warnings off."""
    monkeypatch.setattr(np, "errstate", lambda **_: pytest.fail("warnings were switched off"))
    largest = np.full((2, 5), np.finfo(np.float32).max)
    assert planner.all_finite(largest)
    assert not planner.all_finite(np.array([1, np.nan, 3, 1], np.float32)[1::2])


@pytest.mark.parametrize("invents", [True, False])
@pytest.mark.parametrize("largest", [1.0, np.inf])
def test_only_what_invented_weights_may_have_spoilt_is_computed_again(
    invents, largest, monkeypatch
):
    plan = fast_impl.plan((1, 2, 2, 1), (2, 2, 1, 1), algorithm="scatter")
    plan = dataclasses.replace(plan, invents_weights=invents)
    asked = []
    real = planner._exact
    monkeypatch.setattr(planner, "_exact", lambda *what: asked.append(what) or real(*what))
    inputs = np.full((1, 2, 2, 1), largest, np.float32)
    result = plan.run(inputs, np.ones((2, 2, 1, 1), np.float32))
    assert result.max() == 4 * largest
    assert len(asked) == (invents and largest == np.inf)


@pytest.mark.parametrize("argument", ["inputs", "kernel", "bias"])
def test_the_argument_that_does_not_fit_is_named(argument, integers):
    shapes = {"inputs": (1, 5, 6, 3), "kernel": (3, 3, 4, 3), "bias": (4,)}
    plan = fast_impl.plan(shapes["inputs"], shapes["kernel"])
    for wrong in (integers((2, 2)), integers(shapes[argument], np.float64)):
        arrays = {name: integers(shape) for name, shape in shapes.items()}
        with pytest.raises(fast_impl.InvalidArgumentError, match=f"^{argument} "):
            plan.run(**{**arrays, argument: wrong})


@pytest.mark.parametrize("method", METHODS)
def test_out_may_share_memory_with_any_operand(method, integers):
    shapes = {"inputs": (2, 6, 5, 4), "kernel": (3, 3, 4, 4), "bias": (4,)}
    plan = fast_impl.plan(shapes["inputs"], shapes["kernel"], padding="same", algorithm=method)
    for shared, shape in shapes.items():
        memory = np.zeros(400, np.float32)
        out = memory[:240].reshape(2, 6, 5, 4)
        arrays = {name: integers(sizes) for name, sizes in shapes.items()}
        expected = plan.run(**arrays)
        size = arrays[shared].size
        view = memory[3 : 3 + size].reshape(shape)
        view[...] = arrays[shared]
        plan.run(**{**arrays, shared: view}, out=out)
        np.testing.assert_array_equal(out, expected)


def test_a_result_is_written_where_it_belongs_at_once(integers, monkeypatch):
    x, k = integers((1, 5, 6, 3)), integers((3, 3, 4, 3))
    plan = fast_impl.plan(x.shape, k.shape)
    written = []
    monkeypatch.setattr(plan.executor, "run", lambda x, k, bias, out: written.append(out))
    room = np.zeros((1, 7, 8, 4), np.float32)
    assert plan.run(x, k, out=room) is room
    result = plan.run(x, k)
    assert (written[0] is room, written[1] is result) == (True, True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [1, np.nan])
def test_only_a_padded_method_minds_a_kernel_that_is_not_finite(method, value, integers):
    x, k = integers((2, 6, 5, 4)), integers((3, 3, 4, 4))
    plan = fast_impl.plan(x.shape, k.shape, 2, "same", algorithm=method)
    k[0, 0, 0, 0] = value
    packed = plan.pack(k)
    assert packed.exact is (value == 1 or not plan.multiplies_padding)
    assert packed.kernel is k
