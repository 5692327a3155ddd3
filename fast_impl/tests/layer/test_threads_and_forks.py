"""Layers beside each other: what one does must not stop, or change, another."""

import os
import signal
import threading

import numpy as np
import pytest

import fast_impl
from fast_impl.runtime import blas, memory
from fast_impl.runtime.locks import Lock

IMAGE = np.ones((1, 2, 2, 1), np.float32)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def status_of_child(run):
    """What a forked child ends with: 0 if ``run`` returns true; a signal if it hangs."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        try:
            os._exit(0 if run() else 1)
        except BaseException:
            os._exit(2)
    return os.waitpid(child, 0)[1]


def test_a_layer_that_is_built_lets_others_be_built_and_called():
    built = fast_impl.Conv2DTranspose(1, 1)
    built(IMAGE)
    done = []

    def others(shape, dtype):
        def call():
            fast_impl.Conv2DTranspose(1, 1)(IMAGE)
            built(IMAGE)
            done.append(True)

        helper = threading.Thread(target=call)
        helper.start()
        helper.join(20)
        return np.zeros(shape, dtype)

    fast_impl.Conv2DTranspose(1, 1, kernel_initializer=others)(IMAGE)
    assert done == [True]


@forks
def test_a_child_can_build_a_layer_that_another_thread_was_building():
    started, go_on = threading.Event(), threading.Event()

    def slow(shape, dtype):
        started.set()
        go_on.wait(20)
        return np.ones(shape, dtype)

    layer = fast_impl.Conv2DTranspose(1, 1, kernel_initializer=slow)
    thread = threading.Thread(target=layer, args=(IMAGE,))
    thread.start()
    started.wait(20)
    try:
        status = status_of_child(lambda: go_on.set() or len(layer(IMAGE)) == len(layer.weights) - 1)
    finally:
        go_on.set()
        thread.join()
    assert status == 0


@forks
def test_a_lock_is_open_in_a_child_unless_the_forking_thread_holds_it():
    lock, held, go_on = Lock(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            go_on.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)

    def use():
        with lock:
            return True

    try:
        assert status_of_child(use) == 0
    finally:
        go_on.set()
        thread.join()
    with lock:
        assert status_of_child(use) == 0


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_call_on_one_thread_has_the_number_of_threads_back():
    functions = blas._thread_functions()
    if functions is None:
        pytest.skip("this BLAS cannot be asked")
    get, put = functions
    before = get()
    put(2)
    try:
        with blas.one_thread():
            status = status_of_child(lambda: get() == 2)
    finally:
        put(before)
    assert status == 0


def test_a_call_sees_kernel_and_bias_of_one_set_weights():
    layer = fast_impl.Conv2DTranspose(1, 1)
    layer.build((1, 1, 1, 1))
    pairs = [[np.full((1, 1, 1, 1), n, np.float32), np.full(1, n, np.float32)] for n in (1, 2)]
    layer.set_weights(pairs[0])
    go_on = threading.Event()

    def change():
        while not go_on.is_set():
            for pair in pairs:
                layer.set_weights(pair)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        found = {float(layer(IMAGE)[0, 0, 0, 0]) for _ in range(2000)}
    finally:
        go_on.set()
        thread.join()
    assert found <= {2.0, 4.0}


def test_threads_that_call_one_layer_get_the_same_bits():
    rng = np.random.default_rng(0)
    layer = fast_impl.Conv2DTranspose(8, 3, 2, "same", activation="tanh")
    x = rng.standard_normal((2, 16, 16, 8), np.float32)
    expected, different = layer(x), []

    def call():
        different.extend(not np.array_equal(layer(x), expected) for _ in range(20))

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different == [False] * 320


def test_an_interruption_while_a_result_dies_is_raised_afterwards(monkeypatch, request):
    def interrupted(block, scratch):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    monkeypatch.setattr(memory._shelf, "give", interrupted)
    result = memory.result((1 << 20,), np.dtype(np.uint8))

    def die_and_go_on():
        nonlocal result
        del result
        for _ in range(10**7):
            pass

    with pytest.raises(KeyboardInterrupt):
        die_and_go_on()
