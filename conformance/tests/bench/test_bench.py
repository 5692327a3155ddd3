"""The benchmark: what it measures, whom it believes, and what it says of those it cannot measure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

from conformance.bench import driver, layers, memory, peers
from conformance.bench.peers import Call
from conformance.bench.worker import Server
from conformance.tests.conftest import Finished
from reports import bench as results_of
from reports.bench import Settings

SETTINGS = Settings(threads=[1], rounds=2, seconds=0.002)
TINY = next(layer for layer in layers.LAYERS if layer.name == "tiny")


@pytest.fixture(scope="module")
def results():
    """One tiny run: fast alone, and a library that nobody has."""
    with pytest.MonkeyPatch.context() as patch:
        # The workers are other processes: an unknown name is refused there as a missing module is.
        patch.setitem(peers.PEERS, "nobodys_library", "nobodys_library")
        return driver.run(["fast", "fast:planar", "nobodys_library"], [TINY], SETTINGS)


def test_a_peer_has_as_many_turns_as_there_are_rounds(results):
    assert len(results.layers[0].of("fast").turns) == 2


def test_every_sample_is_above_zero(results):
    samples = [s for turn in results.layers[0].of("fast").turns for s in turn]
    assert min(samples) > 0


def test_an_algorithm_of_fast_is_a_peer(results):
    assert results.layers[0].of("fast:planar").variant == "planar"


def test_an_absent_peer_is_said_and_the_others_are_measured(results):
    assert "nobodys_library" in (results.peers[2].absent or "")


def test_the_machine_is_measured_in_the_same_run(results):
    assert [(r.dtype, len(r.products), len(r.copies)) for r in results.machine.rates] == [
        ("float32", 1, 1)
    ]


def test_progress_is_told_as_often_as_announced():
    told: list[str] = []
    driver.run(["fast"], [TINY], SETTINGS, progress=told.append)
    assert len(told) == driver.steps([TINY], SETTINGS)


def test_results_survive_json(results, tmp_path):
    results_of.save(results, tmp_path / "bench.json")
    assert results_of.load(tmp_path / "bench.json") == results


# --- layers -----------------------------------------------------------------------------------


def test_there_are_sixteen_layers_in_the_class_of_that_name():
    assert len(layers.chosen(["sixteen"])) == 16


def test_patterns_choose_layers_by_name():
    assert [layer.name for layer in layers.chosen(["unet-*"])] == ["unet-up-1", "unet-up-4"]


def test_a_dtype_is_for_all_layers():
    assert {layer.dtype for layer in layers.chosen(["others"], "float64")} == {"float64"}


def test_a_pattern_without_a_layer_is_refused():
    with pytest.raises(ValueError, match=r"--layers 'dcgan5'.*dcgan-4"):
        layers.chosen(["dcgan5"])


def layer(**sizes):
    """A layer of two channels and one filter, with some sizes changed."""
    usual = {
        "name": "made-up", "group": "others", "batch": 1, "size": 4, "channels": 2, "filters": 1,
        "kernel_size": 3, "strides": 2, "padding": "valid",
    }  # fmt: skip
    return layers.Layer(**{**usual, **sizes})


def test_without_cropping_every_product_counts():
    assert layer().flop() == 2 * (4 * 4) * (3 * 3) * 2


def test_products_that_are_cropped_away_do_not_count():
    # Stride 2 and kernel 3 with padding same: 9 rows are cropped to 8, the last one's product goes.
    assert layer(padding="same").flop() == 2 * (4 * 3 - 1) ** 2 * 2


def test_gradients_are_twice_the_work():
    assert layer().flop(gradients=True) == 2 * layer().flop()


def test_bytes_are_those_of_every_array_once():
    assert layer().bytes() == 4 * (4 * 4 * 2 + 3 * 3 * 2 + 1 + 9 * 9)


@pytest.mark.parametrize("one", layers.LAYERS, ids=lambda one: one.name)
def test_a_layers_crops_leave_its_output(one):
    full = [(n - 1) * s + k for n, s, k in zip(one.size, one.strides, one.kernel_size)]
    kept = [size - crop.before - crop.after for size, crop in zip(full, one.crops)]
    assert tuple(kept) == one.output_shape[1:3]


# --- the worker -------------------------------------------------------------------------------


@attrs.frozen
class Fake:
    """A peer whose result is right but for a change, and that needs scratch memory."""

    change: Callable[[np.ndarray], np.ndarray]
    scratch: int = 0

    def prepare(self, one, data):
        right = peers.load("fast", 1).prepare(one, data)
        (make,) = right.values()
        call = make()

        def run():
            np.ones(self.scratch, np.uint8)
            return self.change(call.run())

        return {"only": lambda: Call(run, lambda output: [output])}


def prepared(tmp_path: Path, fake: Fake, one=TINY):
    """The worker's answer, with a peer of ours in the place of the library."""
    file = str(tmp_path / "expected.npz")
    judge = Server("fast", 1)
    judge.hello()
    judge.expect(attrs.asdict(one), False, file)
    server = Server("fast", 1)
    server._peer = fake
    return server.prepare(attrs.asdict(one), False, file)


def test_a_right_peer_is_prepared(tmp_path):
    assert prepared(tmp_path, Fake(lambda y: y))["variant"] == "only"


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y * np.float32(1.01),
        lambda y: np.roll(y, 1, axis=1),
        lambda y: y[:, :-1],
        lambda y: y.astype(np.float64),
        lambda y: y * np.float32(math.nan),
    ],
    ids=["one percent off", "shifted", "too short", "another dtype", "NaN"],
)
def test_a_wrong_peer_is_excluded(tmp_path, change):
    assert set(prepared(tmp_path, Fake(change))) == {"wrong"}


@pytest.mark.skipif(memory.settle() is None, reason="needs /proc/self/clear_refs of Linux")
def test_scratch_memory_is_seen(tmp_path):
    small = prepared(tmp_path, Fake(lambda y: y))["memory"]
    large = prepared(tmp_path, Fake(lambda y: y, scratch=64 << 20))["memory"]
    assert 60 << 20 < large - small < 68 << 20


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_data_has_the_layers_dtype(dtype):
    from conformance.bench.worker import data_of

    assert data_of(attrs.evolve(TINY, dtype=dtype)).inputs.dtype == dtype


# --- the command ------------------------------------------------------------------------------

QUICK = ("--peer", "fast", "--layers", "tiny", "--rounds", "1", "--seconds", "0.002")


def test_the_command_writes_results_and_page(command: Callable[..., Finished], tmp_path: Path):
    done = command("bench", *QUICK, "--json", "b.json", "--html", "b.html", cwd=tmp_path)
    assert done.status == 0, done.stderr
    assert json.loads((tmp_path / "b.json").read_text())["layers"][0]["name"] == "tiny"
    assert "tiny" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_gradients_can_be_measured_and_compared(command: Callable[..., Finished], tmp_path: Path):
    command("bench", *QUICK, "--gradients", "--json", "b.json", cwd=tmp_path)
    done = command("bench", "--from", "b.json", "--compare", "b.json", cwd=tmp_path)
    assert (done.status, "1.000" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--peer", "fats"), ("--peer 'fats'", "onnxruntime")),
        (("--peer", "torch:planar"), ("--peer 'torch:planar'",)),
        (("--peer", "fast", "--peer", "fast"), ("given twice",)),
        (("--layers", "dcgan5"), ("--layers 'dcgan5'", "sixteen")),
        (("--rounds", "0"), ("--rounds 0", "at least 1")),
        (("--seconds", "0"), ("--seconds 0", "above 0")),
        (("--threads", "0"), ("--threads 0",)),
        (("--compare", "gone.json"), ("'gone.json'",)),
        (("--dtype", "int8"), ("--dtype", "'int8'")),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_users_mistake_is_one_line_and_status_2(command, arguments, says):
    done = command("bench", *arguments)
    assert done.status == 2
    assert all(text in done.stderr for text in says), done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_algorithm_is_said_and_not_failed(command: Callable[..., Finished]):
    done = command("bench", *QUICK, "--peer", "fast:nonsense")
    assert done.status == 0
    assert "fast:nonsense is absent: fast_impl has no algorithm 'nonsense'" in done.stdout
