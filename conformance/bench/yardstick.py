"""What this machine can do at best: matrix products, and copying."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np

#: Rows and columns of the matrices.
PRODUCT_SIZE = 3000
#: Bytes that are copied; well above any cache but the very largest.
COPY_BYTES = 256 << 20


@attrs.frozen(eq=False)
class Yardstick:
    """Ready to measure; holds its arrays, so that nothing is allocated while the clock runs.

    Args:
        library: whose matrix product is faster here, NumPy's or SciPy's.
        threads: how many threads copy; the BLAS has been told by its own variables.
        size: rows and columns of the matrices.
    """

    library: str
    threads: int
    size: int
    _product: Callable[[], Any]
    _source: Any
    _target: Any

    def product_flops(self) -> float:
        """Floating-point operations a second in one matrix product."""
        return 2 * self.size**3 / _seconds(self._product)

    def copy_bytes(self) -> float:
        """Bytes a second, read and written both counted, of one copy by all threads."""
        return float(2 * self._source.nbytes) / _seconds(self._copy)

    def _copy(self) -> None:
        bounds = np.linspace(0, self._source.size, self.threads + 1).astype(int)
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(self._copy_part, bounds[:-1], bounds[1:]))

    def _copy_part(self, start: int, stop: int) -> None:
        np.copyto(self._target[start:stop], self._source[start:stop])


def make(dtype: str, threads: int, size: int, copied: int) -> Yardstick:
    """Prepare products in `dtype` (float32 where it has none) with the faster of two libraries.

    Args:
        dtype: of the matrices.
        threads: how many threads copy.
        size: rows and columns of the matrices.
        copied: how many bytes are copied.
    """
    import scipy.linalg.blas

    name = "float64" if dtype == "float64" else "float32"
    generator = np.random.default_rng(0)
    one, other = (generator.random((size, size)).astype(name) for _ in range(2))
    out = np.empty_like(one)
    gemm = scipy.linalg.blas.dgemm if name == "float64" else scipy.linalg.blas.sgemm
    ways: dict[str, Callable[[], Any]] = {
        "NumPy": lambda: np.matmul(one, other, out=out),
        # Transposed views are what BLAS calls columns first: nothing is copied.
        "SciPy": lambda: gemm(1.0, one.T, other.T, c=out.T, overwrite_c=1),
    }
    best = min(ways, key=lambda way: min(_seconds(ways[way]) for _ in range(2)))
    source = np.zeros(copied // 8)
    source += 1
    target = np.empty_like(source)
    target[:] = 0
    return Yardstick(best, threads, size, ways[best], source, target)


def _seconds(function: Callable[[], Any]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
