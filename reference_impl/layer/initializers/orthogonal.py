"""A random matrix with orthonormal columns, by Gram and Schmidt's method (INIT-05)."""

from __future__ import annotations

import math
import random

__all__ = ["orthonormal_columns"]


def orthonormal_columns(rows: int, columns: int, source: random.Random) -> list[list[float]]:
    """Rows of a rows x columns matrix (rows >= columns) whose columns are orthonormal.

    Starts from standard normal columns; from each, its parts along the earlier ones are taken
    away twice, since once leaves rounding errors behind. The distribution is that of the QR
    decomposition with a positive diagonal, which Keras uses.
    """
    basis: list[list[float]] = []
    for _ in range(columns):
        column = [source.gauss(0.0, 1.0) for _ in range(rows)]
        for _ in range(2):
            for earlier in basis:
                share = _product(earlier, column)
                column = [x - share * e for x, e in zip(column, earlier, strict=True)]
        length = math.sqrt(_product(column, column))
        basis.append([x / length for x in column])
    return [[column[i] for column in basis] for i in range(rows)]


def _product(left: list[float], right: list[float]) -> float:
    total = 0.0
    for a, b in zip(left, right, strict=True):
        total += a * b
    return total
