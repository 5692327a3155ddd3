"""Each example at a small size: beside TensorFlow where it is there, and its command."""

import dataclasses
import importlib
import subprocess
import sys

import numpy as np
import pytest

from fast_impl import conv2d_transpose
from fast_impl.examples import beside, decoders, fcn, optimizers, super_resolution, whole_slide

# What TensorFlow 2.9 does when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
NAMES = ["dcgan", "pix2pix", "fcn", "super_resolution", "whole_slide"]


def _example(name):
    if name == "whole_slide":
        pytest.importorskip("dask.array")
    return importlib.import_module(f"fast_impl.examples.{name}").EXAMPLE


@pytest.fixture(scope="module")
def small():
    """Shared data, and our result, of each example; made once."""
    made = {}

    def get(name):
        example = _example(name)
        if name not in made:
            shared = example.prepare(**example.sizes["small"])
            made[name] = shared, example.ours(shared)()
        return example, *made[name]

    return get


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_an_example_agrees_with_tensorflow_within_what_is_allowed(small, name):
    pytest.importorskip("tensorflow")
    example, shared, ours = small(name)
    theirs = np.asarray(example.theirs(shared)())
    assert theirs.shape == ours.shape
    assert example.agreement(shared, ours, theirs) <= 1


@pytest.mark.parametrize("name", ["dcgan", "pix2pix", "fcn"])
def test_a_weight_that_is_off_by_a_thousandth_is_noticed(small, name):
    _, shared, _ = small(name)
    up, skips = shared["ups"][0], shared.get("skips", ())
    right = decoders.ours([up], shared["inputs"], skips)()
    other = dataclasses.replace(up, kernel=up.kernel * np.float32(1.001))
    wrong = decoders.ours([other], shared["inputs"], skips)()
    assert beside.part_of(decoders.allowed(up, shared["inputs"], skips), right, wrong) > 1


@pytest.mark.parametrize("name", NAMES)
def test_the_command_runs_without_tensorflow(name):
    example = _example(name)
    done = subprocess.run(
        [sys.executable, "-m", example.module, "--size", "small", "--alone"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "fast_impl" in done.stdout
    assert "MiB at most" in done.stdout


@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("fcn", "tensorflow", "TensorFlow   failed: ImportError: a broken package"),
        ("whole_slide", "dask", "fast_impl    failed: ModuleNotFoundError: nowhere is missing: pip install '"),
    ],
)  # fmt: skip
def test_a_side_that_fails_is_told_in_one_line(tmp_path, name, module, said):
    error = "ImportError('a broken package')"
    if module == "dask":
        error = "ModuleNotFoundError('no', name='nowhere')"
    (tmp_path / f"{module}.py").write_text(f"raise {error}\n")
    done = subprocess.run(
        [sys.executable, "-m", _example(name).module, "--size", "small"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1].startswith(said)


def test_the_bilinear_kernel_magnifies_a_slope_to_a_slope():
    slope = np.arange(6, dtype="f4")[None, :, None, None] * np.ones((1, 1, 6, 1), "f4")
    found = conv2d_transpose(slope, fcn.bilinear(4), (4, 4), "same")[0, 4:-4, 12, 0]
    assert np.diff(found).tolist() == [0.25] * 15


# --- training ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def training():
    return super_resolution.prepare(patches=2, side=4, steps=20)


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_training_lowers_the_loss_and_keeps_the_constraint(training, optimizer):
    kernel, _, losses = super_resolution.trained(training, optimizer)
    assert losses[-1] < losses[0]
    assert kernel.min() >= 0


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_a_run_in_float64_is_within_the_bound_of_a_run_in_float32(training, optimizer, monkeypatch):
    kernel, error, _ = super_resolution.trained(training, optimizer, watch=True)
    wide = {
        name: value.astype("f8") if isinstance(value, np.ndarray) else value
        for name, value in training.items()
    }
    exact = super_resolution.trained(wide, optimizer)[0]
    assert exact.dtype == np.float64
    assert (np.abs(kernel - exact) <= error).all()


@pytest.mark.parametrize("optimizer", optimizers.OPTIMIZERS)
def test_the_bound_of_a_training_notices_another_rate(training, optimizer, monkeypatch):
    kernel, error, _ = super_resolution.trained(training, optimizer, watch=True)
    update, propagate = optimizers.OPTIMIZERS[optimizer]
    rate = {"gradient descent": 0.1, "momentum": 0.01, "Adam": 0.001}[optimizer] * 1.01
    other = lambda run, gradient, step: update(run, gradient, step, rate)  # noqa: E731
    monkeypatch.setattr(super_resolution, "OPTIMIZERS", {optimizer: (other, propagate)})
    wrong = super_resolution.trained(training, optimizer)[0]
    assert (np.abs(kernel - wrong) > 2 * error).any()


def test_the_curvature_bounds_the_largest_eigenvalue(training):
    features = training["features"].astype("f8")
    vector = np.random.default_rng(0).standard_normal((6, 6, 1, 5))
    pixels = training["pictures"].size
    for _ in range(30):
        image = super_resolution._back(
            features, 2 / pixels * super_resolution._up(features, vector)
        )
        vector = image / np.linalg.norm(image)
    assert np.linalg.norm(image) <= super_resolution.largest_curvature(features, pixels)


# --- bands ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "stride"), [(2, 2), (3, 2), (4, 2), (7, 2), (8, 4), (5, 5), (9, 3)]
)
@pytest.mark.parametrize("band", [1, 3])
def test_bands_make_the_output_of_the_whole(integers, kernel, stride, band):
    image, weights = integers((7, 5)), integers((kernel, kernel, 1, 1))
    whole = conv2d_transpose(image[None, :, :, None], weights, (stride, stride), "same")[0, :, :, 0]
    found = []
    for start in range(0, 7, band):
        stop = min(start + band, 7)
        first, last = whole_slide.rows_read(start, stop, 7, kernel, stride)
        found.append(
            whole_slide.magnified(
                image[first:last], first, start, stop, weights, stride,
                lambda x, w: conv2d_transpose(x, w, (stride, stride)),
            )
        )  # fmt: skip
    assert np.concatenate(found).tolist() == whole.tolist()


def test_a_kernel_of_the_strides_size_reads_no_row_beside_a_band():
    assert whole_slide.rows_read(3, 6, 9, 4, 4) == (3, 6)


def test_a_bilinear_kernel_reads_one_row_on_each_side():
    assert whole_slide.rows_read(3, 6, 9, 8, 4) == (2, 7)
