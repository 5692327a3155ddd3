"""How much is read from a subject at most.

Right answers of today's cases stay below 2,000,000 bytes, 200 items and a depth of 8. A larger answer is refused,
with the limit in the message, before memory is taken for what it holds.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable
from typing import Any

from conformance.model.values.codec import dtype_of, text_of

#: Bytes of one line, and of what is written to the standard error while an answer is awaited.
LINE, ERRORS = 4 * 2**20, 256 * 2**20
#: Items of lists and objects in one answer, nested ones included.
ITEMS = 50_000
#: Levels of lists and objects in a value.
DEPTH = 32
#: Characters of a text; the message of an exception is cut.
TEXT, MESSAGE = 2**16, 10_000
#: What an integer of 64 bits holds, signed or not.
INTEGERS = range(-(2**63), 2**64)
#: Bytes of an array; as base64 it fits into a line.
ARRAY = 3 * 2**20
#: Answers that are larger than the first size may have the second size together: a run keeps them.
ORDINARY, TOGETHER = 2**16, 64 * 2**20

#: Codes by which a terminal changes colours and weight, as Keras 3 has them; where TensorFlow's executor was.
_UNREAD = re.compile(r"\x1b\[[0-9;]*m|\{\{(function_)?node [^{}]*\}\} ?")
#: Where an object lies, as `object.__repr__` tells: another place in each process.
_ADDRESS = re.compile(r"(?<= at )0x[0-9a-f]+\b", re.IGNORECASE)
_TENSOR = {"shape", "dtype", "base64"}
#: A value is so many levels deep in the answer: message, observation, outcomes, outcome.
_VALUE_AT = 4


class TooLarge(Exception):  # noqa: N818 - an answer, no error
    """A subject gave more than is read of it; the message says what, and the limit."""


def parse(line: bytes) -> Any:
    """Return the data of a line of JSON.

    Raises:
        TooLarge: it holds more than this module allows.
        ValueError: it is no JSON.
    """
    if len(line) > LINE:
        raise TooLarge(f"a line of more than {LINE:,} bytes, the limit")
    if _most_items(line) > ITEMS:
        raise TooLarge(f"a line of more than {ITEMS:,} items, the limit")
    try:
        data = json.loads(line.decode("utf-8", "replace"), parse_int=_integer)
    except RecursionError:
        raise _too_deep() from None
    _check(data)
    return data


def items(result: Iterable[Any]) -> list[Any]:
    """Return the items of any iterable, one more than the limit at most: one that never ends is too large."""
    return list(itertools.islice(result, ITEMS + 1))


def volume(line: bytes) -> int:
    """Return about the bytes that a line takes when it has been read."""
    return len(line) + 64 * _most_items(line)


def check_array(shape: Iterable[int], dtype_name: str, item_bytes: int, limit: int = ARRAY) -> None:
    """Raise TooLarge for an array of more bytes than are read, a size of zero counting as one."""
    size = max(1, item_bytes)
    sizes = tuple(shape)
    for length in sizes:
        size *= max(1, length)
        if size > limit:
            text = f"an array of shape {sizes} and dtype {dtype_name}"
            raise TooLarge(f"{text}: more than {limit:,} bytes, the limit")


def check_text(text: str) -> None:
    """Raise TooLarge for a text that is too long."""
    if len(text) > TEXT:
        raise TooLarge(f"a text of {len(text):,} characters; the limit is {TEXT:,}")


def check_integer(number: int) -> None:
    """Raise TooLarge for an integer that has more than 64 bits."""
    if number not in INTEGERS:
        raise TooLarge(f"an integer of {number.bit_length():,} bits; the limit is 64")


def message_of(error: BaseException) -> str:
    """Return an exception's message without colours, cut to the length that is kept; never raises."""
    whole = text_of(error, limit=sys.maxsize)
    # What is read of hundreds of megabytes is a little more than what is kept of it.
    message = readable(whole[: 4 * MESSAGE])
    if len(whole) <= 4 * MESSAGE and len(message) <= MESSAGE:
        return message
    return f"{message[:MESSAGE]}... ({len(whole):,} characters)"


def readable(text: str) -> str:
    """Return a message without what no reader wants.

    That is a terminal's colours, nodes of TensorFlow's executor, and addresses, which differ from run to run.
    """
    return _ADDRESS.sub("0x...", _UNREAD.sub("", text))


class Budget:
    """Counts what is copied of one result, level by level.

    Args:
        array_limit: how many bytes an array may have.
    """

    def __init__(self, array_limit: int = ARRAY) -> None:
        self._items = 0
        self._array_limit = array_limit

    def check_array(self, shape: Iterable[int], dtype_name: str, item_bytes: int) -> None:
        """Raise TooLarge for an array that is too large."""
        check_array(shape, dtype_name, item_bytes, self._array_limit)

    def enter(self, items: int, depth: int) -> None:
        """Count a list or an object at a depth, the outermost being 1; raise TooLarge."""
        self._items += items
        if self._items > ITEMS:
            raise TooLarge(f"more than {ITEMS:,} items, the limit")
        if depth > DEPTH:
            raise _too_deep()


def _check(data: Any) -> None:
    waiting = [(data, 1 - _VALUE_AT)]
    while waiting:
        item, depth = waiting.pop()
        if isinstance(item, str):
            check_text(item)
        elif isinstance(item, (dict, list)):
            if depth > DEPTH:
                raise _too_deep()
            if isinstance(item, dict):
                if item.keys() == _TENSOR:
                    _check_encoded_array(item)
                    continue
                waiting += [(key, depth) for key in item]
                item = list(item.values())
            waiting += [(part, depth + 1) for part in item]


def _check_encoded_array(data: dict[str, Any]) -> None:
    """Check the size that an array claims; what is malformed is refused when it is decoded."""
    try:
        shape = tuple(map(int, data["shape"]))
        dtype = dtype_of(str(data["dtype"])[:64])
    except (TypeError, ValueError, OverflowError):
        return
    check_array(shape, dtype.name, dtype.itemsize)


def _integer(text: str) -> int:
    if len(text) > len(str(INTEGERS.start)):
        raise TooLarge(f"an integer of {len(text.lstrip('-')):,} digits; the limit is 64 bits")
    number = int(text)
    check_integer(number)
    return number


def _most_items(line: bytes) -> int:
    return sum(map(line.count, (b",", b"[", b"{")))


def _too_deep() -> TooLarge:
    return TooLarge(f"lists or objects more than {DEPTH} deep, the limit")
