"""Life cycles: sequences of steps drawn by rules, as a state machine draws them.

The state that the rules look at is small: whether the layer has weights, how many channels it has, how often
it was trained. The model that tells what each step must give is the reference itself, so a case is all there is
to it: it can be kept, replayed and shrunk like any other.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from conformance.cases.drawn.configurations import Configuration, configurations
from conformance.cases.drawn.data import position_coded, small_integers
from conformance.model import steps
from conformance.model.case import Case

#: Steps in one life, and training steps among them: sums stay exact in float32.
LONGEST = 9
MOST_TRAININGS = 2


@attrs.define
class _Life:
    """What the rules know about the layer."""

    configuration: Configuration
    seed: int
    built: bool = False
    trainings: int = 0
    layers: int = 1
    steps: list[steps.Step] = attrs.Factory(list)

    def fresh_seed(self) -> int:
        """Return another seed at each step."""
        self.seed += 1
        return self.seed

    def inputs(self, batch: int, size: tuple[int, int]) -> Any:
        """Return small integers of a shape that the layer takes."""
        shape = self.configuration.input_shape(batch=batch, size=size)
        return small_integers(shape, self.fresh_seed(), largest=1)

    def weights(self) -> tuple[Any, ...]:
        """Return small integers for kernel and bias."""
        c = self.configuration
        kernel = small_integers(c.kernel_shape, self.fresh_seed())
        bias = small_integers((c.filters,), self.fresh_seed())
        return (kernel, bias) if c.use_bias else (kernel,)


def _rules(life: _Life) -> list[str]:
    """Return the rules whose precondition holds; the shortest life uses the first ones."""
    rules = ["call", "read weights", "read losses"]
    if not life.built:
        return [*rules, "build"]
    rules += ["set weights", "refused weights", "refused channels", "shape", "another layer"]
    if life.trainings < MOST_TRAININGS:
        rules.append("train")
    return rules


@st.composite
def life_cycle_cases(draw: st.DrawFn) -> Case:
    """Build, call with other shapes, set weights, losses, refusals, another layer, training."""
    c = draw(configurations(largest_kernel=3, largest_size=3))
    more: dict[str, Any] = {
        "name": "life",
        "kernel_initializer": {"function": "count up"},
        **draw(
            st.sampled_from(
                (
                    {},
                    {"kernel_regularizer": {"function": "sum of squares"}},
                    {"bias_regularizer": {"function": "sum"}},
                    {"kernel_constraint": {"function": "clip"}},
                )
            )
        ),
    }
    life = _Life(c, draw(st.integers(0, 2**16)))
    for _ in range(draw(st.integers(2, LONGEST))):
        _apply(draw, draw(st.sampled_from(_rules(life))), life)
    return Case("life cycles", c.arguments(**more), tuple(life.steps))


def _apply(draw: st.DrawFn, rule: str, life: _Life) -> None:
    c = life.configuration
    sizes = st.integers(1, 3)
    if rule == "call":
        life.steps.append(steps.Call(life.inputs(draw(sizes), (draw(sizes), draw(sizes)))))
        life.built = True
    elif rule == "build":
        life.steps.append(steps.Build(c.input_shape()))
        life.built = True
    elif rule == "read weights":
        life.steps.append(steps.Invoke("get_weights"))
    elif rule == "read losses":
        life.steps.append(steps.Losses())
    elif rule == "set weights":
        life.steps.append(steps.SetWeights(life.weights()))
    elif rule == "refused weights":
        life.steps.append(steps.SetWeights((*life.weights(), position_coded((2,)))))
    elif rule == "refused channels":
        wider = attrs.evolve(c, in_channels=c.in_channels + 1)
        life.steps.append(steps.Call(position_coded(wider.input_shape())))
    elif rule == "shape":
        life.steps.append(steps.ComputeOutputShape(c.input_shape()))
    elif rule == "another layer":
        name = f"other {life.layers}"
        life.layers += 1
        other = c.arguments(kernel_initializer="ones")
        inputs = life.inputs(1, c.size)
        life.steps += [steps.Construct(name, other), steps.Call(inputs), steps.Use("layer")]
    else:
        life.trainings += 1
        life.steps.append(
            steps.Train(
                life.inputs(c.batch, c.size),
                small_integers(c.output_shape, life.fresh_seed(), largest=1),
                draw(st.sampled_from((1.0, 0.5))),
            )
        )
