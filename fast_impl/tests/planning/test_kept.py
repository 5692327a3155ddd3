"""What is kept of a function's results: the latest, so many of them and so many bytes."""

from __future__ import annotations

import threading

import pytest

from fast_impl.planning.kept import Kept


def _counting(count: int, most_bytes: int) -> tuple[Kept[..., list[int]], list[tuple[int, int]]]:
    """A function of a size and a number that notes what it was asked for."""
    asked: list[tuple[int, int]] = []

    def made(size: int, number: int = 0) -> list[int]:
        asked.append((size, number))
        return [size]

    return Kept(made, count, most_bytes, lambda found: found[0]), asked


def test_a_result_is_made_once() -> None:
    kept, asked = _counting(3, 100)
    assert kept(5, 1) is kept(5, 1)
    assert kept(5) is kept(5, 0)
    assert asked == [(5, 1), (5, 0)]


def test_the_latest_are_kept_by_count() -> None:
    kept, asked = _counting(2, 100)
    for size in (1, 2, 1, 3, 1, 2):
        kept(size)
    assert [size for size, _ in asked] == [1, 2, 3, 2]


def test_the_latest_are_kept_by_bytes() -> None:
    kept, asked = _counting(9, 10)
    for size in (4, 6, 4, 5, 4, 6):
        kept(size)
    assert [size for size, _ in asked] == [4, 6, 5, 6]


def test_the_last_one_is_kept_however_large() -> None:
    kept, asked = _counting(9, 10)
    for size in (4, 50, 50, 4, 50):
        kept(size)
    assert [size for size, _ in asked] == [4, 50, 4, 50]


def test_nothing_is_a_result_too() -> None:
    asked = []
    kept: Kept[..., None] = Kept(lambda number: asked.append(number), 3, 100, lambda _: 1)
    assert [kept(7), kept(7)] == [None, None]
    assert asked == [7]


def test_what_was_forgotten_is_made_again() -> None:
    kept, asked = _counting(3, 100)
    kept(5)
    kept.cache_clear()
    kept(60)
    kept(30)
    assert kept(60) == [60]
    kept(5)
    assert [size for size, _ in asked] == [5, 60, 30, 5]


def test_an_error_keeps_nothing() -> None:
    def fails(number: int) -> int:
        raise KeyError(number)

    kept = Kept(fails, 3, 100, lambda _: 1)
    for _ in range(2):
        with pytest.raises(KeyError):
            kept(1)


def test_threads_that_ask_at_once_get_the_same() -> None:
    both = threading.Barrier(4)

    def made(number: int) -> list[int]:
        both.wait(20)
        return [number]

    kept = Kept(made, 3, 100, lambda _: 1)
    found: list[list[int]] = []
    threads = [threading.Thread(target=lambda: found.append(kept(1))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(map(id, found))) == 1


def test_arguments_by_name_are_refused() -> None:
    kept, asked = _counting(3, 100)
    with pytest.raises(TypeError, match="number: arguments must be given in order"):
        kept(1, number=2)
    assert asked == []
