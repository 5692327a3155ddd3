"""Products through the addresses that SciPy publishes, and the threads of the BLAS behind them."""

import ctypes
import io
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from fast_impl.runtime import blas

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
FORMS = [
    {"plain": plain, "turned": turned, "add": add}
    for plain in (False, True)
    for turned in (False, True)
    for add in (False, True)
]


@pytest.mark.parametrize("functions", [("sgemm", "dgemm"), ("sgemm",), ()], ids=str)
def test_products_are_available_where_the_function_of_their_format_is(functions, monkeypatch):
    monkeypatch.setattr(blas, "_function", lambda name: object() if name in functions else None)
    assert blas.available(FLOAT32) == ("sgemm" in functions)
    assert blas.available(FLOAT64) == ("dgemm" in functions)
    assert not blas.available(np.dtype(np.float16))


@pytest.mark.parametrize("numpy_only", [False, True])
@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64], ids=str)
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_product_reads_and_writes_parts_of_larger_buffers(form, dtype, numpy_only, monkeypatch):
    if numpy_only:
        monkeypatch.setattr(blas, "available", lambda dtype: False)
    m, n, k = 3, 4, 2
    random = np.random.default_rng(5)
    w, x, y = (random.integers(-3, 4, 100).astype(dtype) for _ in range(3))
    product = blas.Product(m, n, k, 5, 7, 11, 6, 13, 9, **form)
    rows, columns = (k, n) if form["plain"] else (n, k)
    weights = np.stack([w[5 + 7 * r :][:columns] for r in range(rows)])
    rows, columns = (k, m) if form["turned"] else (m, k)
    pixels = np.stack([x[11 + 6 * r :][:columns] for r in range(rows)])
    made = (pixels.T if form["turned"] else pixels) @ (weights if form["plain"] else weights.T)
    expected = y.copy()
    for r in range(m):
        row = expected[13 + 9 * r :][:n]
        row[...] = made[r] + (row if form["add"] else 0)
    blas.runner(dtype)(blas.compile_products([product], dtype), w, x, y)
    np.testing.assert_array_equal(y, expected)


def test_products_of_nothing_are_no_errors():
    y = np.ones(4, np.float32)
    products = [blas.Product(2, 2, 0, 0, 0, 0, 0, 0, 2), blas.Product(0, 2, 2, 0, 0, 0, 0, 0, 0)]
    empty = np.zeros(4, np.float32)
    blas.runner(FLOAT32)(blas.compile_products(products, FLOAT32), empty, empty, y)
    np.testing.assert_array_equal(y, np.ones(4))


def test_a_constant_that_two_threads_make_at_once_has_one_address() -> None:
    constants = blas._Constants()
    first: list[int] = []

    def kind(value: int) -> ctypes.c_int:
        if not first:  # what another thread does in the meantime
            first.append(0)
            first[0] = constants.address(kind, value)
        return ctypes.c_int(value)

    assert constants.address(kind, 7) == first[0] == constants.address(kind, 7)
    assert ctypes.c_int.from_address(first[0]).value == 7


def test_a_constant_keeps_its_address_and_its_value():
    constants = blas._Constants()
    five = constants.address(ctypes.c_int, 5)
    assert constants.address(ctypes.c_int, 6) != five
    assert constants.address(ctypes.c_int, 5) == five
    assert ctypes.c_int.from_address(five).value == 5


@pytest.mark.parametrize(
    ("n", "k", "rows", "pixels"),
    [
        (8, 16, 7812, 7812),
        (64, 64, 244, 244),
        (64, 65, 240, 0),
        (64, 128, 122, 0),
        (64, 129, 0, 0),
        (0, 5, 0, 0),
        (1, 1, 10**6, 10**6),
    ],
)
def test_few_weights_are_read_where_they_lie(n, k, rows, pixels, monkeypatch):
    monkeypatch.setattr(blas, "available", lambda dtype: True)
    monkeypatch.setattr(blas, "has_avx512", lambda: True)
    assert (blas.uncopied_rows(n, k, FLOAT32), blas.uncopied_pixels(n, k, FLOAT32)) == (
        rows,
        pixels,
    )


@pytest.mark.parametrize(("available", "in_place"), [(False, True), (True, False)])
def test_nothing_is_cut_for_a_blas_that_copies(available, in_place, monkeypatch):
    monkeypatch.setattr(blas, "available", lambda dtype: available)
    monkeypatch.setattr(blas, "has_avx512", lambda: in_place)
    assert (blas.uncopied_rows(8, 8, FLOAT32), blas.uncopied_pixels(8, 8, FLOAT32)) == (0, 0)
    half = np.dtype(np.float16)
    assert (blas.uncopied_rows(8, 8, half), blas.uncopied_pixels(8, 8, half)) == (0, 0)


def test_the_libraries_are_those_beside_scipy_and_those_of_the_process(tmp_path, monkeypatch):
    package = tmp_path / "scipy"
    beside = ["../scipy.libs/a_blas.so", "../scipy.libs/b_blas.so", ".dylibs/c_blas.so"]
    beside.append(".libs/d_blas.so")
    for name in [*reversed(beside), "../scipy.libs/other.so"]:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    scipy = SimpleNamespace(__file__=str(package / "__init__.py"))
    monkeypatch.setitem(sys.modules, "scipy", scipy)
    mapped = ["/lib/libz.so", "/lib/y/libblas.so", "/lib/y/libblas.so", "/lib/x/openblas.so"]
    maps = io.StringIO("".join(f"7f r-xp 0 fd:00 1  {path}\n" for path in mapped))
    monkeypatch.setattr(blas, "open", {"/proc/self/maps": maps}.__getitem__, raising=False)
    found = [str(path) for path in blas._loaded_libraries()]
    expected = [f"{package}/{name}" for name in beside]
    assert found == [*expected, "/lib/x/openblas.so", "/lib/y/libblas.so"]


@pytest.mark.parametrize("scipy", [None, SimpleNamespace(__file__=None)])
def test_without_scipy_and_proc_there_are_no_libraries(scipy, monkeypatch):
    def refuse(path):
        raise FileNotFoundError(path)

    monkeypatch.setitem(sys.modules, "scipy", scipy)
    monkeypatch.setattr(blas, "open", refuse, raising=False)
    assert list(blas._loaded_libraries()) == []


def test_an_openblas_is_known_by_its_functions(monkeypatch):
    def spelled(name):
        return SimpleNamespace(**{name: None})

    libraries = {
        "one": spelled("scipy_openblas_get_num_threads64_"),
        "two": spelled("other_get_num_threads"),
        "three": spelled("openblas_get_num_threads"),
        "four": spelled("openblas_get_num_threads_"),
        "five": spelled("scipy_openblas_get_num_threads"),
    }

    def load(path):
        if path == "broken":
            raise OSError(path)
        return libraries[path]

    monkeypatch.setattr(blas, "_loaded_libraries", lambda: iter(["broken", *libraries]))
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert list(blas._openblas()) == [
        (libraries["one"], "scipy_openblas", "64_"),
        (libraries["three"], "openblas", ""),
        (libraries["four"], "openblas", "_"),
        (libraries["five"], "scipy_openblas", ""),
    ]


@pytest.mark.parametrize("available", [False, True])
@pytest.mark.parametrize("functions", [None, (None, None)])
def test_threads_can_be_limited_where_both_are_found(available, functions, monkeypatch):
    monkeypatch.setattr(blas, "available", lambda dtype: available and dtype == FLOAT32)
    monkeypatch.setattr(blas, "_thread_functions", lambda: functions)
    assert blas.threads_can_be_limited() == (available and functions is not None)


class Threads:
    """The thread functions of a BLAS that takes notes."""

    def __init__(self, monkeypatch):
        self.number, self.asked = 7, []
        monkeypatch.setattr(blas, "_thread_functions", lambda: (lambda: self.number, self.put))
        monkeypatch.setattr(blas._OneThread, "inside", set())
        monkeypatch.setattr(blas, "_lock", threading.Lock())

    def put(self, number):
        self.asked.append(number)
        self.number = number


def test_calls_inside_each_other_set_the_threads_once(monkeypatch):
    threads = Threads(monkeypatch)
    with blas.one_thread(), blas.one_thread():
        assert threads.asked == [1]
    assert threads.asked == [1, 7]
    with blas.one_thread():
        assert threads.number == 1
    assert threads.number == 7


def test_an_interrupt_on_the_way_in_puts_the_threads_back(monkeypatch):
    threads = Threads(monkeypatch)

    def interrupted(number):
        threads.put(number)
        if number == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(blas, "_thread_functions", lambda: (lambda: 7, interrupted))
    with pytest.raises(KeyboardInterrupt), blas.one_thread():
        pytest.fail("came in")
    assert (threads.number, blas._OneThread.inside) == (7, set())


def test_a_forked_child_puts_the_threads_back(monkeypatch):
    threads = Threads(monkeypatch)
    inside = blas.one_thread()
    inside.__enter__()
    with blas._lock:  # held by a thread that the child has not got
        blas.after_fork()
    assert threads.number == 7
    with blas.one_thread():
        assert threads.number == 1
    assert threads.asked == [1, 7, 1, 7]


def test_a_child_forked_while_nobody_computes_sets_nothing(monkeypatch):
    threads = Threads(monkeypatch)
    blas.after_fork()
    assert threads.asked == []


def test_without_thread_functions_nothing_is_set(monkeypatch):
    threads = Threads(monkeypatch)
    monkeypatch.setattr(blas, "_thread_functions", lambda: None)
    blas._OneThread.inside.add("a call of the parent's")
    blas.after_fork()
    with blas.one_thread():
        assert threads.asked == []
