"""The benchmark: what it measures, whom it believes, and what it says of those it cannot measure."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest

from conformance.bench import driver, kernels, layers, memory, peers, yardstick
from conformance.bench.peers import Call
from conformance.bench.process import Process
from conformance.bench.worker import Server
from conformance.model import machine
from conformance.tests.conftest import Finished
from reports import bench as results_of
from reports.bench import Settings

SETTINGS = Settings(threads=[1, 2], rounds=2, seconds=0.002)
TINY = next(layer for layer in layers.LAYERS if layer.name == "tiny")
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc of Linux")


@pytest.fixture(scope="module", autouse=True)
def _short_yardsticks():
    """Measure the machine with small matrices: how fast it is is no matter of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yardstick, "PRODUCT_SIZE", 100)
        patch.setattr(yardstick, "COPY_BYTES", 1 << 20)
        yield


@pytest.fixture(scope="module")
def results(_short_yardsticks: None):
    """One tiny run: fast alone, and a library that nobody has."""
    with pytest.MonkeyPatch.context() as patch:
        # The workers are other processes: an unknown name is refused there as a missing module is.
        patch.setitem(peers.PEERS, "nobodys_library", "nobodys_library")
        return driver.run(["fast", "fast:planar", "nobodys_library"], [TINY], SETTINGS)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_peer_has_as_many_turns_as_there_are_rounds_with_each_number_of_threads(results, threads):
    assert len(results.layers[0].of("fast", threads).turns) == 2


def test_every_sample_is_above_zero(results):
    samples = [s for turn in results.layers[0].of("fast").turns for s in turn]
    assert min(samples) > 0


def test_an_algorithm_of_fast_is_a_peer(results):
    assert results.layers[0].of("fast:planar").variant == "planar"


def test_an_absent_peer_is_said_and_the_others_are_measured(results):
    assert "nobodys_library" in (results.peers[2].absent or "")


def test_the_machine_is_measured_in_the_same_run(results):
    assert [
        (r.threads, r.dtype, len(r.products), len(r.copies)) for r in results.machine.rates
    ] == [(1, "float32", 1, 1), (2, "float32", 1, 1)]


def test_the_kernels_of_a_peer_are_recorded(results):
    assert "fast_impl" in results.peers[0].kernels


def test_an_absent_peer_has_no_kernels(results):
    assert results.peers[2].kernels == {}


def test_the_variables_that_decide_about_kernels_are_recorded(results):
    assert results.machine.environment == kernels.environment()


def test_progress_is_told_as_often_as_announced():
    told: list[str] = []
    settings = attrs.evolve(SETTINGS, threads=[1])
    driver.run(["fast"], [TINY], settings, progress=told.append)
    assert len(told) == driver.steps([TINY], settings)


def test_results_survive_json(results, tmp_path):
    results_of.save(results, tmp_path / "bench.json")
    assert results_of.load(tmp_path / "bench.json") == results


# --- processes --------------------------------------------------------------------------------


def is_stopped(pid):
    """Whether a process is stopped, or will be in a moment: the signal has to reach all its threads."""
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)
    return True


@pytest.fixture
def process():
    """The process of `fast`, started."""
    found = Process("fast", 1)
    assert "versions" in found.hello()
    yield found
    found.close()


@needs_proc
def test_a_process_that_is_not_asked_is_stopped(process):
    assert is_stopped(process.pid)


def test_a_stopped_process_answers(process):
    assert "fast_impl" in process.ask(do="kernels")["kernels"]


@needs_proc
def test_a_process_that_has_answered_is_stopped_again(process):
    process.ask(do="kernels")
    assert is_stopped(process.pid)


def test_a_process_that_died_while_it_was_stopped_is_told_and_started_again(process):
    os.kill(process.pid, signal.SIGKILL)
    died = process.ask(do="kernels")
    assert (set(died), "kernels" in process.ask(do="kernels")) == ({"error"}, True)


@needs_proc
def test_the_process_that_is_measured_is_the_only_one_that_runs(monkeypatch):
    made, running = [], []
    ask = Process.ask

    def noting(self, **request):
        if request["do"] == "measure":
            others = [other for other in made if other is not self]
            running.append([other.spec for other in others if not is_stopped(other.pid)])
        return ask(self, **request)

    start = Process.hello
    monkeypatch.setattr(Process, "hello", lambda self: made.append(self) or start(self))
    monkeypatch.setattr(Process, "ask", noting)
    driver.run(["fast", "fast:planar"], [TINY], attrs.evolve(SETTINGS, rounds=1))
    assert (len(made), running) == (6, [[]] * 4)


# --- layers -----------------------------------------------------------------------------------


def test_there_are_sixteen_layers_in_the_class_of_that_name():
    assert len(layers.chosen(["sixteen"])) == 16


def test_patterns_choose_layers_by_name():
    assert [layer.name for layer in layers.chosen(["unet-*"])] == ["unet-up-1", "unet-up-4"]


def test_a_dtype_is_for_all_layers():
    assert {layer.dtype for layer in layers.chosen(["others"], "float64")} == {"float64"}


def test_layers_that_are_held_back_are_chosen_by_their_class():
    assert len(layers.chosen(["held"])) == 16


@pytest.mark.parametrize(
    ("pattern", "is_one"), [("*", False), ("*1x1", False), ("held-*", True), ("held-depth", True)]
)
def test_layers_that_are_held_back_are_chosen_by_their_own_names_alone(pattern, is_one):
    assert any(layer.group == "held" for layer in layers.chosen([pattern])) == is_one


def test_layers_that_are_held_back_are_unlike_all_others():
    def like(layer):
        sizes = (layer.batch, layer.size, layer.channels, layer.filters)
        return (*sizes, layer.kernel_size, layer.strides, layer.padding)

    others = {like(layer) for layer in layers.LAYERS if layer.group != "held"}
    assert others & {like(layer) for layer in layers.chosen(["held"])} == set()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_sixteen_bits_are_measured_on_dcgan_3(name):
    usual, one = layers.chosen(["dcgan-3", name])
    assert attrs.evolve(usual, name=name, group="others", dtype=name) == one


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


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_data_has_the_layers_dtype(dtype):
    from conformance.bench.worker import data_of

    assert data_of(attrs.evolve(TINY, dtype=dtype)).inputs.dtype.name == dtype


@pytest.mark.parametrize("gradients", [False, True], ids=["output", "gradients"])
def test_bfloat16_is_measured(tmp_path, gradients):
    task = {"layer": attrs.asdict(attrs.evolve(TINY, dtype="bfloat16")), "gradients": gradients}
    server = Server("fast", 1)
    server.hello()
    server.expect(**task, file=str(tmp_path / "expected.npz"))
    answer = server.prepare(**task, expected=str(tmp_path / "expected.npz"))
    assert answer["difference"] == 0
    assert min(server.measure(seconds=0.002, turn=0)["samples"]) > 0


def test_a_wrong_peer_is_excluded_in_bfloat16(tmp_path):
    one = attrs.evolve(TINY, dtype="bfloat16")
    shifted = Fake(lambda y: np.roll(y, 1, axis=1))
    assert set(prepared(tmp_path, shifted, one)) == {"wrong"}


# --- the command ------------------------------------------------------------------------------

QUICK = (
    "--peer",
    "fast",
    "--layers",
    "tiny",
    "--rounds",
    "1",
    "--seconds",
    "0.002",
    "--threads",
    "1",
)


@pytest.fixture(scope="module")
def quick(command: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory):
    """The command, with one number of threads and an algorithm that nobody knows; and what it wrote."""
    folder = tmp_path_factory.mktemp("quick")
    words = "--peer", "fast:nonsense", "--json", "b.json", "--html", "b.html"
    done = command("bench", *QUICK, *words, cwd=folder)
    assert done.status == 0, done.stderr
    return done, json.loads((folder / "b.json").read_text()), (folder / "b.html").read_text("utf-8")


@pytest.fixture(scope="module")
def all_threads(command: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory):
    """The command without --threads, where a core type is set; and the results that it wrote."""
    folder = tmp_path_factory.mktemp("all")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBLAS_CORETYPE", "Haswell")
        words = QUICK[: QUICK.index("--threads")]
        done = command("bench", *words, "--json", "b.json", cwd=folder)
    return done, json.loads((folder / "b.json").read_text())


def test_the_command_writes_results_and_page(quick):
    _, found, page = quick
    assert (found["layers"][0]["name"], "tiny" in page) == ("tiny", True)


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
        (("--layers", "shapes", "--gradients"), ("--gradients", "shapes-images")),
        (("--layers", "shapes", "--rounds", "1000"), ("--rounds 1000", "at most")),
        (("--dtype", "int8"), ("--dtype", "'int8'")),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_users_mistake_is_one_line_and_status_2(command, arguments, says):
    done = command("bench", *arguments)
    assert done.status == 2
    assert all(text in done.stderr for text in says), done.stderr
    assert "Traceback" not in done.stderr


def test_without_threads_a_peer_is_measured_with_one_and_with_all(all_threads):
    assert all_threads[1]["settings"]["threads"] == sorted({1, machine.cores()})


def test_threads_restrict_to_one_number(quick):
    assert [m["threads"] for m in quick[1]["layers"][0]["measurements"]] == [1]


def test_a_core_type_that_is_set_is_warned_of(all_threads):
    told = all_threads[0].stdout
    assert told.startswith("warning: OPENBLAS_CORETYPE=Haswell is set in the environment")


def test_an_unknown_algorithm_is_said_and_not_failed(quick):
    told = "fast:nonsense is absent: fast_impl has no algorithm 'nonsense'"
    assert told in quick[0].stdout
