"""A catalogue of "mistakes" for `conformance strength`: right, wrong, unexpected, deadly, hanging, unfit."""

import os
import time

from conformance.strength.mistakes.mistake import Mistake, Right, outputs_changed


class Unchanged(Right):
    """Nothing is wrong with this one."""


class Dies(Right):
    def __call__(self, inputs):
        os.abort()


class Hangs(Right):
    def __call__(self, inputs):
        time.sleep(3600)


class Prints(Right):
    def __call__(self, inputs):
        print("printed by a mistake")  # noqa: T201
        return super().__call__(inputs) + 1


def _mistake(name, layer, *clauses):
    return Mistake(id=name, text=f"It {name}.", source="a test", clauses=clauses, layer=layer)


MISTAKES = {
    mistake.id: mistake
    for mistake in (
        _mistake("right", Unchanged, "VAL-01"),
        _mistake("wrong", outputs_changed(lambda *given: given[2] + 1), "VAL-01"),
        _mistake("unexpected", outputs_changed(lambda *given: given[2] + 1), "ARG-01"),
        _mistake("dies", Dies, "PAD-01"),
        _mistake("hangs", Hangs, "PAD-01"),
        _mistake("prints", Prints, "VAL-01"),
    )
}
MISNAMED = {"another": MISTAKES["wrong"]}
NUMBER = 7
