"""What methods offer before they are worked out, and which are."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fast_impl.forward import blocks, col2im, direct, planar, scatter, small
from fast_impl.kernels.target import Target
from fast_impl.planning import planner
from fast_impl.problem import dtypes
from fast_impl.tests.planning.test_recorded_plans import PROBLEMS, _problem
from fast_impl.tests.targets import IDLE, on_each_target

LIMIT = 64 << 20
MODULES = {
    "direct": direct,
    "col2im": col2im,
    "blocks": blocks,
    "planar": planar,
    "small": small,
    "scatter": scatter,
}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("method", MODULES)
@pytest.mark.parametrize("name", PROBLEMS)
def test_no_method_is_faster_than_it_offers(name: str, method: str, threads: int) -> None:
    *given, options = PROBLEMS[name]
    problem, _ = _problem(*given, options).trimmed()
    module: Any = MODULES[method]
    offer = module.offer(problem, threads, LIMIT, IDLE)
    propose = getattr(module, "propose", lambda *_: offer and offer.propose())
    proposal = propose(problem, threads, LIMIT, IDLE)
    assert (offer is None) <= (proposal is None)
    if proposal is not None:
        assert 0 < offer.seconds <= 1.01 * proposal.seconds
        assert offer.packing >= 0


@on_each_target
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", PROBLEMS)
def test_no_way_to_form_lanes_is_faster_than_it_is_at_the_least(
    name: str, threads: int, target: Target
) -> None:
    *given, options = PROBLEMS[name]
    problem, _ = _problem(*given, options).trimmed()
    problem = dataclasses.replace(
        problem, channels_first=False, dtype=dtypes.accumulator(problem.dtype)
    )
    for way in direct._candidates(problem, target) if problem.dtype.kind == "f" else []:
        assert 0 < way.least_seconds(threads) <= way.seconds(threads) * (1 + 1e-12)


def _worked_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def noting(name: str, propose: Any) -> Any:
        return lambda *given: found.append(name) or propose(*given)

    for name in ("blocks", "planar", "small"):
        module: Any = MODULES[name]
        monkeypatch.setattr(module, "propose", noting(name, module.propose))
    return found


def test_what_takes_longer_at_the_least_is_not_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _worked_out(monkeypatch)
    problem = planner.plan((1, 7, 7, 16), (3, 3, 8, 16), 2, "same", algorithm="scatter").problem
    found.clear()
    plan = planner.planned(problem, None, 1, LIMIT, IDLE)
    assert (plan.algorithm, found) == ("direct", [])
    assert [name for name, _ in plan.rejected] == ["small", "col2im", "blocks", "planar", "scatter"]
    planner.planned(problem, None, 1, LIMIT, None)
    assert found == ["small"]


def test_a_method_that_turns_out_slower_than_offered_makes_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = planner.plan((1, 9, 9, 16), (3, 3, 8, 16), 2, "same", algorithm="scatter").problem
    real = blocks.offer(problem, 1, LIMIT, None)
    assert real is not None
    monkeypatch.setattr(blocks, "offer", lambda *_: real._replace(seconds=0.0))
    plan = planner.planned(problem, None, 1, LIMIT, None)
    assert plan.algorithm == "small"
    exact = blocks.propose(problem, 1, LIMIT, None)
    assert exact is not None
    assert dict(plan.rejected)["blocks"] == exact.seconds


def test_whoever_packs_at_each_call_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = planner.plan((1, 9, 9, 16), (3, 3, 8, 16), 2, "same", algorithm="scatter").problem
    real = direct.offer

    def slow_to_pack(*given: Any) -> Any:
        found = real(*given)
        return None if found is None else found._replace(packing=1.0)

    monkeypatch.setattr(direct, "offer", slow_to_pack)
    chosen = [planner.planned(problem, None, 1, LIMIT, IDLE, packs) for packs in (False, True)]
    assert [plan.algorithm for plan in chosen] == ["direct", "small"]


def test_the_function_packs_at_each_call_and_the_layer_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import numpy as np

    import fast_impl

    asked: list[bool] = []
    real = planner.for_arrays
    monkeypatch.setattr(
        planner,
        "for_arrays",
        lambda *given, packs=False: asked.append(packs) or real(*given, packs=packs),
    )
    x, k = np.ones((1, 3, 3, 2), np.float32), np.ones((2, 2, 4, 2), np.float32)
    fast_impl.conv2d_transpose(x, k)
    fast_impl.Conv2DTranspose(4, 2)(x)
    assert asked == [True, False]


def test_a_limit_that_nothing_keeps_is_refused_with_what_the_least_needs() -> None:
    problem = planner.plan((1, 9, 9, 16), (3, 3, 8, 16), algorithm="scatter").problem
    least = scatter.propose(problem, 1, 0, None).workspace
    with pytest.raises(ValueError, match=rf"workspace_limit=0 is too small .* needs {least} bytes"):
        planner.planned(problem, None, 1, 0, None)
