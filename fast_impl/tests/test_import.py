import subprocess
import sys

import pytest


def _run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "name", ["scipy", "ml_dtypes", "ctypes.util", "concurrent.futures", "fast_impl.weights"]
)
def test_the_import_loads_nothing_heavy(name):
    code = (
        f"import numpy, sys; before = set(sys.modules); import fast_impl; "
        f"print({name!r} in set(sys.modules) - before)"
    )
    assert _run(code) == "False"


def test_weights_are_loaded_when_they_are_asked_for():
    assert _run("import fast_impl; print(fast_impl.weights.__name__)") == "fast_impl.weights"


def test_the_import_starts_no_thread():
    assert _run("import threading, fast_impl; print(threading.active_count())") == "1"


def test_the_import_does_not_touch_the_global_generator():
    code = (
        "import numpy as np; np.random.seed(1); a = np.random.rand(); np.random.seed(1); "
        "import fast_impl; fast_impl.Conv2DTranspose(1, 1).build((1, 1, 1, 1)); "
        "print(a == np.random.rand())"
    )
    assert _run(code) == "True"


def test_the_documented_names_are_exported():
    import fast_impl

    assert {
        "conv2d_transpose",
        "conv2d_transpose_gradients",
        "output_shape",
        "Conv2DTranspose",
        "InvalidArgumentError",
        "Gradients",
    } <= set(fast_impl.__all__)
