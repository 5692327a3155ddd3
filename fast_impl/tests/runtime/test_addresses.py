"""Where arrays lie: what is read of them is what NumPy tells of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fast_impl.runtime import addresses

ROOM = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
ARRAYS = {
    "whole": ROOM,
    "part": ROOM[1:, ::-1, 2:],
    "Fortran's order": np.asfortranarray(ROOM),
    "read-only": np.broadcast_to(ROOM, (5, 2, 3, 4)),
    "no axis": np.array(3.0),
    "empty": np.empty((0, 3)),
    "bytes": np.frombuffer(bytes(16), np.uint8)[3:],
    "a subclass": ROOM.view(np.recarray),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_lies_where_numpy_says(name: str) -> None:
    array = ARRAYS[name]
    assert addresses.address(array) == array.ctypes.data == array.__array_interface__["data"][0]


def test_objects_of_another_form_are_asked_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(addresses, "_pointer", lambda _: SimpleNamespace(value=asked.append(1)))
    assert addresses._fastest() is addresses._told
    assert asked
    monkeypatch.undo()
    monkeypatch.setattr(addresses.sys, "implementation", SimpleNamespace(name="other"))
    assert addresses._fastest() is addresses._told
