"""Locks: whose they are after a fork, and that Ctrl-C does not leave one taken."""

import copy
import pickle
import threading

from fast_impl.runtime.locks import Lock


def _by_another(lock):
    found = []
    thread = threading.Thread(target=lambda: found.append(lock.take() and not lock.release()))
    thread.start()
    thread.join()
    return found[0]


def test_a_lock_is_taken_and_opened_outside_python():
    """Else Ctrl-C may come when it is taken already and nobody knows yet: all other threads wait for ever."""
    for name in ("__enter__", "__exit__", "acquire", "release"):
        assert not hasattr(getattr(Lock, name), "__code__")


def test_its_thread_may_take_it_again_and_nobody_else():
    lock = Lock()
    with lock, lock:
        assert lock.take()
        lock.release()
        assert not _by_another(lock)
    assert _by_another(lock)


def test_copies_and_pickles_are_locks_of_their_own():
    lock = Lock()
    with lock:
        for other in (copy.copy(lock), copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
            assert isinstance(other, Lock)
            assert _by_another(other)


def test_a_fork_opens_what_another_thread_held_and_not_its_own():
    lock = Lock()
    taken = threading.Event()
    over = threading.Event()

    def hold():
        with lock:
            taken.set()
            over.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(20)
    assert not lock.take()
    kept = Lock()
    with kept:
        kept.after_fork()
        assert not _by_another(kept)
    other = Lock()
    holder = threading.Thread(target=other.acquire)
    holder.start()
    holder.join()
    assert not other.take()
    other.after_fork()
    assert other.take()
    over.set()
    thread.join()
