"""How situations are carried out: what a caller does with its arrays, and how it calls.

Every public function here stands on its own, with `np` and the modules that it imports: a script to paste holds
its text (`conformance.findings.dialects`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# --- how an array lies in memory: each returns a copy of its argument that lies in another way ---


def fortran_ordered(array: Any) -> Any:
    """The first axis is the innermost in memory."""
    return np.array(array, order="F")


def transposed(array: Any) -> Any:
    """The last axis is the outermost in memory."""
    axes = [array.ndim - 1, *range(array.ndim - 1)] if array.ndim else []
    return np.moveaxis(np.array(array.transpose(axes), order="C"), 0, -1) if axes else array.copy()


def sliced(array: Any) -> Any:
    """Every second element of a larger array, along each axis."""
    wide = np.full([2 * size + 1 for size in array.shape], 77, array.dtype)
    places = (slice(1, None, 2),) * array.ndim
    view = wide[places] if places else wide
    view[...] = array
    return view


def flipped(array: Any) -> Any:
    """A reversed view: every stride is negative."""
    return np.flip(np.array(np.flip(array), order="C"))


def repeated(array: Any) -> Any:
    """Where all is equal along an axis: one element there, and a stride of zero."""
    one = array
    for axis, size in enumerate(array.shape):
        alike = one.take(range(min(size, 1)), axis)
        one = alike if (one == alike).all() else one
    return np.broadcast_to(one.copy(), array.shape)


def unaligned(array: Any) -> Any:
    """The first element at an odd address."""
    memory = np.full(array.nbytes + 1, 77, np.uint8)
    view: Any = np.ndarray(array.shape, array.dtype, memory, offset=1)
    view[...] = array
    return view


def read_only(array: Any) -> Any:
    """An array that cannot be written to."""
    copied = array.copy()
    copied.flags.writeable = False
    return copied


def memory_mapped(array: Any) -> Any:
    """A memory map of a file."""
    import tempfile

    if not array.size:
        return array.copy()
    with tempfile.TemporaryFile() as file:
        mapped = np.memmap(file, array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


def byte_swapped(array: Any) -> Any:
    """The other byte order."""
    return array.astype(array.dtype.newbyteorder()) if array.dtype.kind in "iufc" else array.copy()


# --- how a call is made ---


def in_parts(function: Any, inputs: Any) -> Any:
    """Call a batch in two parts."""
    half = (len(inputs) + 1) // 2
    parts = [function(inputs[:half]), function(inputs[half:])]
    parts = [part.detach() if hasattr(part, "detach") else part for part in parts]
    return np.concatenate(parts) if len(inputs) > 1 else function(inputs)


def in_a_larger_batch(function: Any, inputs: Any) -> Any:
    """Call a batch as the end of a larger one."""
    others = np.flip(inputs, tuple(range(1, inputs.ndim)))
    larger = np.concatenate([others, others[:1], inputs])
    outputs = function(larger)
    outputs = outputs.detach() if hasattr(outputs, "detach") else outputs
    return np.asarray(outputs)[len(larger) - len(inputs) :]


def repeatedly(function: Any, *arrays: Any) -> Any:
    """Call 130 times, for some seconds at most; return a result that has other bits than the first one."""
    import time

    end = time.monotonic() + 2

    def bits(result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return [bits(part) for part in result]
        result = result.detach() if hasattr(result, "detach") else result
        return None if result is None else np.asarray(result).tobytes()

    result = function(*arrays)
    first = bits(result)
    for _ in range(129):
        result = function(*arrays)
        if bits(result) != first or time.monotonic() > end:
            break
    return result


def amid_two_threads(function: Any, *arrays: Any, inside: bool) -> Any:
    """Stop a call at each of its lines in turn, and make a call with other arrays in a second thread meanwhile.

    While it is stopped the inner call runs to its end. `inside` tells whether the results that count are those of
    the inner calls. Return the first result that has other bits than that of a call alone, if there is one.
    """
    import sys
    import sysconfig
    import threading
    import time

    others = [np.flip(array) + np.ones((), array.dtype) for array in arrays]
    outer, inner = (others, arrays) if inside else (arrays, others)
    library = sysconfig.get_path("stdlib")
    seen: set[Any] = set()
    held: list[Any] = []
    end = time.monotonic() + 2

    def bits(result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return [bits(part) for part in result]
        result = result.detach() if hasattr(result, "detach") else result
        return None if result is None else np.asarray(result).tobytes()

    def is_own(file: str) -> bool:
        in_library = file.startswith((library, "<frozen")) and "site-packages" not in file
        return not in_library and "numpy" not in file

    def interrupted() -> Any:
        """Return the ends of the calls that count, and whether the outer one was stopped at a new line."""
        ends: list[Any] = []
        threads: list[Any] = []
        calls: dict[Any, int] = {}

        def call(is_inner: bool, given: Any) -> None:
            ended: tuple[Any, Any]
            try:
                ended = function(*given), None
            except BaseException as error:
                ended = None, error
            ends.extend([ended] * (is_inner is inside))

        def start_second() -> Any:
            threads.append(threading.Thread(target=call, args=(True, inner), daemon=True))
            threads[-1].start()
            return threads[-1]

        def each_line(frame: Any, event: str, _: Any) -> Any:
            place = frame.f_code, frame.f_lineno
            calls[frame.f_code] = calls.get(frame.f_code, 0) + (event == "call")
            # A function that is called again and again is looked at a few times.
            if calls[frame.f_code] > 3 or not is_own(frame.f_code.co_filename):
                return None
            # An inner call that still runs may wait for a lock that the outer one holds.
            is_free = not (threads and threads[-1].is_alive())
            if place not in seen and is_free and time.monotonic() < end:
                seen.add(place)
                second = start_second()
                second.join(0.01 if len(held) < 5 else 0.001)
                held.extend([place] * second.is_alive())
            return each_line

        def run() -> None:
            sys.settrace(each_line)
            call(False, outer)
            sys.settrace(None)

        first = threading.Thread(target=run, daemon=True)
        first.start()
        first.join()
        is_stopped = bool(threads)
        if not is_stopped:
            start_second()
        for second in threads:
            second.join()
        return ends, is_stopped

    result = function(*arrays)
    alone, is_stopped = bits(result), True
    while is_stopped and bits(result) == alone and time.monotonic() < end:
        ends, is_stopped = interrupted()
        for result, error in ends:
            if error is not None:
                raise error
            if bits(result) != alone:
                break
    return result


def inside_another_call(function: Any, *arrays: Any) -> Any:
    """Call while another thread is in the middle of the same with other arrays."""
    return amid_two_threads(function, *arrays, inside=True)


def around_another_call(function: Any, *arrays: Any) -> Any:
    """Call, and have another thread do the same with other arrays in the middle of it."""
    return amid_two_threads(function, *arrays, inside=False)


def in_another_thread(function: Any, *arrays: Any) -> Any:
    """Call in a second thread, always the same one, and call there with other arrays before the result is read."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    pools = in_another_thread.__dict__
    name = str(os.getpid())
    if name not in pools:  # a process that was forked has none of the threads
        pools[name] = ThreadPoolExecutor(1)
    others = [np.flip(array) + np.ones((), array.dtype) for array in arrays]
    result = pools[name].submit(function, *arrays).result()
    pools[name].submit(function, *others).result()
    return result


# --- what a caller does with arrays afterwards ---


def overwrite(given: Any) -> None:
    """Write to whatever arrays are in there, and numbers in lists and dictionaries, as far as that can be done."""
    if isinstance(given, np.ndarray):
        plain = np.ndarray.view(given, np.ndarray)  # a class of its own may do anything
        if plain.flags.writeable:
            plain[...] = np.array(77).astype(plain.dtype)
    if isinstance(given, (list, tuple, dict)):
        for place in list(given) if isinstance(given, dict) else range(len(given)):
            if type(given[place]) in (int, float) and not isinstance(given, tuple):
                given[place] = 7
            overwrite(given[place])


def read_only_view(array: Any) -> Any:
    """Return a view that cannot be written to, of an array that its owner goes on writing to."""
    view = array.view()
    view.flags.writeable = False
    return view


def views(result: Any) -> Any:
    """Return a view of an array, or of each array of several: all that a caller has left of them."""
    if isinstance(result, (list, tuple)):
        return [views(part) for part in result]
    return np.ndarray.view(result, np.ndarray)[...] if isinstance(result, np.ndarray) else result


def noting(function: Any, results: Any) -> Any:
    """Return the function; what it gives is noted among the results."""
    import functools

    @functools.wraps(function)
    def noted(*args: Any, **kwargs: Any) -> Any:
        results.append(function(*args, **kwargs))
        return results[-1]

    return noted


def given_back(array: Any, results: Any) -> Any:
    """Return the last of the results that has the shape and dtype, filled anew; there it is no more."""
    for place in reversed(range(len(results))):
        found = results[place]
        plain = np.ndarray.view(found, np.ndarray) if isinstance(found, np.ndarray) else None
        if plain is None or not plain.flags.writeable:
            continue
        if (plain.shape, plain.dtype) == (array.shape, array.dtype):
            del results[place]
            plain[...] = array
            return found
    return array.copy()


def refilled(array: Any, place: int, kept: Any) -> Any:
    """Return the array that was used in this place before, filled anew, where it has the shape and dtype."""
    same = kept.setdefault((place, array.shape, array.dtype), np.empty_like(array))
    same[...] = array
    return same


def refilled_list(numbers: Any, kept: Any) -> Any:
    """Return the list that was used before, filled anew."""
    same = kept.setdefault("list", [])
    same[:] = numbers
    return same


#: How arrays are made, by the situation's name.
PLACED: Mapping[str, Callable[[Any], Any]] = {
    function.__name__.replace("_", " "): function
    for function in (
        fortran_ordered, transposed, sliced, flipped, repeated, unaligned, read_only, memory_mapped, byte_swapped,
    )
}  # fmt: skip
#: The same for what is given back to a layer: nothing says that it is alike along an axis.
REPLACED = {name: function for name, function in PLACED.items() if function is not repeated}
#: How a call is made.
CALLED: Mapping[str, Callable[..., Any]] = {
    "in parts": in_parts,
    "in a larger batch": in_a_larger_batch,
    "repeatedly": repeatedly,
    "inside another call": inside_another_call,
    "around another call": around_another_call,
    "in another thread": in_another_thread,
}
#: In these the caller overwrites what it lent: arrays, what functions of these arguments gave, and lists of these.
OVERWRITING = ("arguments overwritten", "results kept")
GIVING = ("_initializer", "_constraint")
PAIRS = ("kernel_size", "strides", "dilation_rate", "output_padding")
#: Those of them that take a batch of images apart.
OF_BATCHES = frozenset({"in parts", "in a larger batch"})
