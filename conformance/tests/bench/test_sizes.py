"""Layers whose every call has a size that was not seen before."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from conformance.bench import driver, layers, peers, sizes
from conformance.bench.peers import Call
from conformance.bench.worker import Server
from fast_impl.runtime import checking
from reports.bench import Settings

SHAPES = [layer for layer in layers.LAYERS if layer.group == "shapes"]
#: Sizes from 3 × 4 to 25 × 30.
SMALL = layers.Layer(
    name="made-up-sizes", group="shapes", batch=1, size=(25, 30), channels=2, filters=3,
    kernel_size=3, strides=2, padding="same", least=(3, 4),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch):
    """As users run it: where tests of `fast_impl` came before, kernels of every new size would be proven first."""
    monkeypatch.setattr(checking, "wanted", lambda: False)


@attrs.define
class Fake:
    """A peer of two ways, which notes the sizes that it computes, and whose results may be wrong."""

    change: object = None
    wrong_way: str = ""
    seen: dict[str, list[tuple[int, int]]] = attrs.field(factory=lambda: {"one": [], "other": []})

    def varying(self, layer, data):
        (make,) = peers.load("fast", 1).varying(layer, data).values()
        right = make()

        def way(name):
            def bind(inputs):
                call = right(inputs)

                def run():
                    self.seen[name].append(inputs.shape[1:3])
                    output = call.run()
                    wrong = self.change is not None and self.wrong_way in ("", name)
                    return self.change(output, inputs) if wrong else output

                return Call(run, lambda output: [output])

            return lambda: bind

        return {name: way(name) for name in self.seen}


@pytest.fixture
def prepared(tmp_path):
    """Return the answer of a worker whose library is a fake, and the worker."""

    def run(fake, layer=SMALL):
        task = {"layer": attrs.asdict(layer), "gradients": False}
        judge, server = Server("fast", 1), Server("fast", 1)
        judge.hello()
        judge.expect(**task, file=str(tmp_path / "expected.npz"))
        server._peer = fake
        return server.prepare(**task, expected=str(tmp_path / "expected.npz")), server

    return run


def measured(server, turn):
    """A turn that is not cut short."""
    return server.measure(seconds=60, turn=turn)


# --- the order of sizes -----------------------------------------------------------------------


def test_there_are_three_series_at_least():
    assert {layer.name for layer in SHAPES} >= {"shapes-images", "shapes-audio", "shapes-unet"}


@pytest.mark.parametrize("layer", [*SHAPES, SMALL], ids=lambda layer: layer.name)
def test_no_size_comes_twice(layer):
    found = layer.sizes(0, layer.how_many_sizes)
    assert len(set(found)) == len(found) == layer.how_many_sizes


@pytest.mark.parametrize("layer", [*SHAPES, SMALL], ids=lambda layer: layer.name)
def test_all_sizes_lie_between_the_least_and_the_largest(layer):
    heights, widths = zip(*layer.sizes(0, layer.how_many_sizes))
    assert (min(heights), min(widths), max(heights), max(widths)) == (*layer.least, *layer.size)


def test_a_size_has_one_place_whoever_asks():
    assert SMALL.sizes(10, 5) == SMALL.sizes(0, 20)[10:15]


def test_more_sizes_than_there_are_are_refused():
    with pytest.raises(ValueError, match="made-up-sizes has 621 sizes, not 622"):
        SMALL.sizes(600, 22)


@pytest.mark.parametrize("layer", SHAPES, ids=lambda layer: layer.name)
def test_there_are_sizes_for_many_turns(layer):
    assert sizes.most_turns(layer) >= 50


def test_a_layer_of_one_size_has_that_size_alone():
    tiny = next(layer for layer in layers.LAYERS if layer.name == "tiny")
    assert (tiny.how_many_sizes, tiny.sizes(0, 1)) == (1, [tiny.size])


def test_the_sizes_of_a_layer_are_told_from_the_least_to_the_largest():
    assert SMALL.describe() == "1×3…25×4…30×2 → 3, 3×3 / 2 same"  # noqa: RUF001


# --- the worker -------------------------------------------------------------------------------


def test_a_right_peer_is_prepared(prepared):
    answer, _ = prepared(Fake())
    assert (answer["variant"] in ("one", "other"), answer["difference"]) == (True, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda y, _: y * np.float32(1.01),
        lambda y, _: np.roll(y, 1, axis=2),
        # Right for the first size, wrong for the second: a kernel that was compiled for the first one.
        lambda y, x: y if x.shape[1:3] == SMALL.sizes(0, 1)[0] else y[:, :, ::-1],
    ],
    ids=["one percent off", "shifted", "wrong for another size"],
)
def test_a_wrong_peer_is_excluded(prepared, change):
    answer, _ = prepared(Fake(change))
    assert set(answer) == {"wrong"}


def test_a_wrong_way_is_not_chosen(prepared):
    answer, _ = prepared(Fake(lambda y, _: y + 1, wrong_way="one"))
    assert answer["variant"] == "other"


def test_two_ways_meet_no_size_twice_before_the_turns(prepared):
    fake = Fake()
    prepared(fake)
    tried = [size for seen in fake.seen.values() for size in seen[sizes.CHECKED :]]
    assert len(set(tried)) == len(tried) == 2 * sizes.TRIED


def test_every_timed_call_has_a_size_that_was_not_seen(prepared):
    fake = Fake()
    answer, server = prepared(fake)
    seen = fake.seen[answer["variant"]]
    before = set(fake.seen["one"] + fake.seen["other"])
    seen.clear()
    for turn in range(2):
        measured(server, turn)
    (warm,) = SMALL.sizes(0, 1)
    timed = [size for size in seen if size != warm]
    assert len(set(timed)) == len(timed) == 2 * sizes.OF_TURN * sizes.OF_SAMPLE
    assert before & set(timed) == set()


def test_two_peers_meet_the_same_sizes_in_a_turn(prepared):
    (warm,) = SMALL.sizes(0, 1)
    found = []
    for _ in range(2):
        fake = Fake()
        answer, server = prepared(fake)
        fake.seen[answer["variant"]].clear()
        measured(server, 3)
        found.append([size for size in fake.seen[answer["variant"]] if size != warm])
    assert found[0] == found[1] != []


def test_a_sample_is_the_mean_of_some_new_sizes(prepared):
    _, server = prepared(Fake())
    answer = measured(server, 0)
    assert (len(answer["samples"]), answer["inner"]) == (sizes.OF_TURN, sizes.OF_SAMPLE)


def test_a_slow_turn_ends_early(prepared):
    _, server = prepared(Fake())
    assert len(server.measure(seconds=1e-9, turn=0)["samples"]) == 1


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("spec", ["fast", "fast:scatter"])
def test_fast_computes_any_size(prepared, spec, data_format):
    layer = attrs.evolve(SMALL, data_format=data_format)
    answer, server = prepared(peers.load(spec, 1), layer)
    # Two algorithms may sum in another order.
    assert answer["difference"] < 1e-6
    assert min(measured(server, 0)["samples"]) > 0


def test_an_algorithm_that_does_not_apply_is_said(prepared):
    with pytest.raises(peers.NotSupported, match="col2im does not apply"):
        prepared(peers.load("fast:col2im", 1), attrs.evolve(SMALL, filters=1000))


def test_bfloat16_is_checked_in_new_sizes_too(prepared):
    answer, _ = prepared(peers.load("fast", 1), attrs.evolve(SMALL, dtype="bfloat16"))
    assert answer["difference"] == 0


# --- what cannot be measured ------------------------------------------------------------------


def test_gradients_of_new_sizes_are_refused():
    with pytest.raises(ValueError, match="--gradients: made-up-sizes"):
        driver.run(["fast"], [SMALL], Settings(threads=[1], rounds=1, seconds=1, gradients=True))


def test_more_turns_than_there_are_new_sizes_for_are_refused():
    with pytest.raises(ValueError, match="--rounds 14: made-up-sizes has new sizes for 13 at most"):
        driver.run(["fast"], [SMALL], Settings(threads=[1], rounds=14, seconds=1))
