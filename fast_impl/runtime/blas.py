"""Matrix products on slices of buffers, by the BLAS inside SciPy, without the GIL.

``scipy.linalg.cython_blas`` publishes the addresses of its BLAS functions for other compiled
modules (``__pyx_capi__``). Called through ctypes they offer what no Python function of NumPy or
SciPy does: ``C += A @ B`` in place, leading dimensions (so that a product reads and writes parts
of larger arrays without a copy), and no GIL. Where the addresses cannot be had, the same products
are made by ``np.matmul`` on views: same results within rounding, more slowly.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import glob
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.runtime import checking
from fast_impl.runtime.addresses import address
from fast_impl.runtime.locks import Lock

Array = npt.NDArray[Any]

Runner = Callable[[list[Any], Array, Array, Array], None]


class Product(NamedTuple):
    """``Y[m, n] (+)= X[m, k] @ W`` of row-major matrices inside larger flat buffers.

    ``W`` is ``[n, k]`` and taken transposed, or ``[k, n]`` for ``plain``; ``X`` is ``[k, m]`` and
    taken transposed for ``turned``. Offsets, and distances between rows, are in elements.
    """

    m: int
    n: int
    k: int
    w: int
    w_row: int
    x: int
    x_row: int
    y: int
    y_row: int
    add: bool = True
    plain: bool = False
    turned: bool = False


_AVX512 = (b"SkylakeX", b"Cooperlake", b"SapphireRapids")
# By format: asking one for its name takes longer than all the rest.
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
_NAMES = {_SINGLE: "sgemm", _DOUBLE: "dgemm"}
_lock = Lock()


class _Constants:
    """C constants at fixed addresses: BLAS wants a pointer to every number."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[int, Any]] = {}

    def address(self, kind: Any, value: Any) -> int:
        found = self._kept.get((kind, value))
        if found is None:
            cell = kind(value)
            # Another thread may have been faster: its cell's address is in use already.
            found = self._kept.setdefault((kind, value), (ctypes.addressof(cell), cell))
        return found[0]


_constants = _Constants()


@functools.cache
def _function(name: str) -> Any:
    """The BLAS function ``name`` as a ctypes function, or None."""
    try:
        from scipy.linalg import cython_blas

        capsule = cython_blas.__pyx_capi__[name]
        api = ctypes.pythonapi
        api.PyCapsule_GetName.restype = ctypes.c_char_p
        api.PyCapsule_GetName.argtypes = [ctypes.py_object]
        api.PyCapsule_GetPointer.restype = ctypes.c_void_p
        api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
        signature = api.PyCapsule_GetName(capsule)
        # 32-bit integers are part of what follows; a SciPy built otherwise says so here.
        if signature.count(b"int *") != 6:
            return None
        place = api.PyCapsule_GetPointer(capsule, signature)
    except (ImportError, AttributeError, KeyError, ValueError):
        return None
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 13)(place)


def available(dtype: np.dtype[Any]) -> bool:
    """Whether products of this format run in SciPy's BLAS, outside the GIL."""
    return dtype in _NAMES and _function(_NAMES[dtype]) is not None


def compile_products(products: list[Product], dtype: np.dtype[Any]) -> list[Any]:
    """``products`` in the form that `runner` of the same dtype wants; done once per plan."""
    if not available(dtype):
        return products
    real = ctypes.c_float if dtype == _SINGLE else ctypes.c_double
    size = dtype.itemsize

    def integer(value: int) -> int:
        return _constants.address(ctypes.c_int, value)

    return [
        (
            _constants.address(ctypes.c_char, b"N" if p.plain else b"T"),
            _constants.address(ctypes.c_char, b"T" if p.turned else b"N"),
            integer(p.n),
            integer(p.m),
            integer(p.k),
            p.w * size,
            integer(max(p.w_row, 1)),
            p.x * size,
            integer(max(p.x_row, 1)),
            _constants.address(real, 1.0 if p.add else 0.0),
            p.y * size,
            integer(max(p.y_row, 1)),
            p,
        )
        for p in products
    ]


def runner(dtype: np.dtype[Any]) -> Runner:
    """A function that runs compiled products on three flat buffers."""
    if not available(dtype):
        return _run_with_numpy
    gemm = _function(_NAMES[dtype])
    one = _constants.address(ctypes.c_float if dtype == _SINGLE else ctypes.c_double, 1.0)

    def run(products: list[Any], w: Array, x: Array, y: Array) -> None:
        w0, x0, y0 = address(w), address(x), address(y)
        if checking.wanted():
            _require_inside([product[-1] for product in products], w, x, y)
        for w_op, x_op, n, m, k, wo, w_row, xo, x_row, beta, yo, y_row, _ in products:
            gemm(w_op, x_op, n, m, k, one, w0 + wo, w_row, x0 + xo, x_row, beta, y0 + yo, y_row)

    return run


def _run_with_numpy(products: list[Product], w: Array, x: Array, y: Array) -> None:
    if checking.wanted():
        _require_inside(products, w, x, y)
    for p in products:
        pixels = _matrix(x, p.x, *((p.k, p.m) if p.turned else (p.m, p.k)), p.x_row)
        left = pixels.T if p.turned else pixels
        shape = (p.k, p.n) if p.plain else (p.n, p.k)
        weights = _matrix(w, p.w, *shape, p.w_row)
        right = weights if p.plain else weights.T
        target = _matrix(y, p.y, p.m, p.n, p.y_row)
        if p.add:
            target += left @ right
        else:
            np.matmul(left, right, out=target)


def _require_inside(products: list[Product], w: Array, x: Array, y: Array) -> None:
    """Check the addresses of products as `fast_impl.runtime.checking` does those of generated kernels.

    Raises:
        AddressError: A matrix that is not inside its buffer, or a buffer that is not flat.
    """
    for p in products:
        matrices = (
            ("w", w, p.w, p.w_row, (p.k, p.n) if p.plain else (p.n, p.k)),
            ("x", x, p.x, p.x_row, (p.k, p.m) if p.turned else (p.m, p.k)),
            ("y", y, p.y, p.y_row, (p.m, p.n)),
        )
        for name, buffer, start, row, (rows, columns) in matrices if p.m and p.n else ():
            end = start + (rows - 1) * row + columns if rows else start
            flat = buffer.ndim == 1 and buffer.flags.c_contiguous
            if not flat or start < 0 or columns > max(row, 1) or end > buffer.size:
                raise checking.AddressError(
                    f"matrix {name} of {p} does not lie in its buffer of {buffer.size} numbers: "
                    f"nothing was run"
                )


def _matrix(flat: Array, start: int, rows: int, columns: int, row: int) -> Array:
    size = flat.itemsize
    return np.lib.stride_tricks.as_strided(flat[start:], (rows, columns), (row * size, size))


# --- what the BLAS is good at ---------------------------------------------------------------------


# Multiply-adds up to which OpenBLAS, on AVX-512, reads both operands of a ``plain`` product where
# they lie; it copies them for larger products, and always on other cores.
_UNCOPIED = 1_000_000
# Weights up to which such a product has rows enough to be the faster one.
_FEW_WEIGHTS = {_SINGLE: 8192, _DOUBLE: 4096}


@functools.cache
def has_avx512() -> bool:
    """Whether SciPy's BLAS computes with AVX-512."""
    for library, prefix, suffix in _openblas():
        core = getattr(library, f"{prefix}_get_corename{suffix}", None)
        if core is not None:
            core.restype = ctypes.c_char_p
            return core() in _AVX512
    return False


def uncopied_rows(n: int, k: int, dtype: np.dtype[Any]) -> int:
    """Rows of a ``plain`` product that is best cut into pieces, because small ones copy nothing.

    0 where one large product is faster.
    """
    few = 0 < n * k <= _FEW_WEIGHTS.get(dtype, 0)
    return _UNCOPIED // (n * k) if few and available(dtype) and has_avx512() else 0


def uncopied_pixels(m: int, n: int, dtype: np.dtype[Any]) -> int:
    """The same for the pixels that a product sums over: ``k`` of a ``plain`` and ``turned`` one."""
    few = 0 < m * n <= _FEW_WEIGHTS.get(dtype, 0) // 2
    return _UNCOPIED // (m * n) if few and available(dtype) and has_avx512() else 0


# --- threads of the BLAS ------------------------------------------------------------------------


def _loaded_libraries() -> Iterator[str]:
    """Paths of BLAS libraries that SciPy may have loaded."""
    scipy = sys.modules.get("scipy")
    if scipy is not None and scipy.__file__ is not None:
        home = os.path.dirname(scipy.__file__)  # noqa: PTH120
        for place in ("../scipy.libs", ".dylibs", ".libs"):
            yield from sorted(glob.glob(os.path.join(home, place, "*blas*")))  # noqa: PTH118, PTH207
    with contextlib.suppress(OSError), open("/proc/self/maps") as maps:  # noqa: PTH123
        yield from sorted({line.split()[-1] for line in maps if "blas" in line.split()[-1]})


def _openblas() -> Iterator[tuple[ctypes.CDLL, str, str]]:
    """The OpenBLAS libraries that SciPy may use, with how each spells its functions."""
    for path in _loaded_libraries():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for prefix in ("scipy_openblas", "openblas"):
            for suffix in ("", "_", "64_"):
                if hasattr(library, f"{prefix}_get_num_threads{suffix}"):
                    yield library, prefix, suffix


@functools.cache
def _thread_functions() -> tuple[Any, Any] | None:
    """Functions that read and set the number of threads of SciPy's BLAS, or None."""
    for library, prefix, suffix in _openblas():
        get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
        put = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
        if get is not None and put is not None:
            return get, put
    return None


def threads_can_be_limited() -> bool:
    """Whether `one_thread` has an effect: only then do the library's own threads make sense."""
    return available(np.dtype(np.float32)) and _thread_functions() is not None


class _OneThread:
    """The calls inside `one_thread`, and what the user had before the first of them."""

    inside: ClassVar[set[object]] = set()
    before = 1


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """SciPy's BLAS with one thread, because the library brings its own.

    The setting is global in OpenBLAS: the first call in takes note of it, the last one out, also
    after an exception, puts it back.
    """
    functions = _thread_functions()
    if functions is None:
        yield
        return
    get, put = functions
    # Whenever Ctrl-C comes, it is known who is inside.
    call = object()
    try:
        with _lock:
            if not _OneThread.inside:
                _OneThread.before = get()
            _OneThread.inside.add(call)
            if len(_OneThread.inside) == 1:
                put(1)
        yield
    finally:
        with _lock:
            if call in _OneThread.inside:
                _OneThread.inside.discard(call)
                if not _OneThread.inside:
                    put(_OneThread.before)


def after_fork() -> None:
    """Put things right in a child that was forked while other threads were computing."""
    if _OneThread.inside:
        _OneThread.inside.clear()
        functions = _thread_functions()
        if functions is not None:
            functions[1](_OneThread.before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
