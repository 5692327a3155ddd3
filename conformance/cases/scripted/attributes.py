"""Scenes about the two attributes of the page, its base classes, and the class's hidden state."""

from __future__ import annotations

from conformance.cases.scripted.scenes import (
    INPUTS,
    LAYER,
    Gives,
    Holds,
    Like,
    Line,
    Raises,
    SameAs,
    Scene,
    both,
    either,
    then,
)
from conformance.model import case as steps

_CALL = steps.Call(INPUTS)
_GRAPH = Scene(
    clause="ATTR-01",
    arguments=LAYER,
    lines=(
        *then(_CALL),
        either(
            steps.Read("graph"),
            Raises("RuntimeError", "not supported when executing eagerly"),
            Gives(None),
        ),
        both(steps.Warned("graph"), Holds(("UserWarning",))),
    ),
)
_GRAPH_READ_ONLY = Scene(
    clause="ATTR-01",
    arguments=LAYER,
    where="graph",
    lines=(
        both(steps.Read("graph"), Gives(None)),
        both(steps.Assign("graph", 1), Raises("AttributeError")),
    ),
)
_SCOPE_NAME = (
    Scene(
        clause="ATTR-02",
        arguments={**LAYER, "name": "attributed"},
        lines=(
            both(steps.Read("scope_name"), Raises("ValueError", "No name available")),
            *then(_CALL),
            both(steps.Read("scope_name"), Like(r"attributed(_\d+)?")),
        ),
    ),
    Scene(
        clause="ATTR-02",
        arguments={**LAYER, "name": "attributed"},
        lines=(
            *then(steps.Build((None, None, None, 2))),
            both(steps.Read("scope_name"), Like(r"attributed(_\d+)?")),
        ),
    ),
    Scene(
        clause="ATTR-02",
        arguments={**LAYER, "_scope": "known"},
        lines=(both(steps.Read("scope_name"), Like("known")),),
    ),
)
_BROKEN = (Raises("ValueError", "invalid state"), Raises("AttributeError"))
_OTHER_MODE = Scene(
    clause="ATTR-03",
    arguments=LAYER,
    where="tensorflow",
    lines=(
        *then(_CALL, steps.GetWeights(), steps.OtherMode()),
        either(_CALL, *_BROKEN),
        either(steps.Call(INPUTS, "apply"), *_BROKEN),
        both(steps.GetWeights(), SameAs(1)),
        both(steps.Invoke("count_params"), Gives(39)),
        both(steps.Read("scope_name"), Like(r"conv2d_transpose(_\d+)?")),
        either(
            steps.Has(("get_losses_for", "get_updates_for")),
            Gives([True, True]),
            Gives([False, False]),
        ),
        *then(steps.Construct("healing", LAYER), steps.Use("layer")),
        both(_CALL, SameAs(0)),
    ),
)
_INHERITS = Scene(
    clause="ATTR-04",
    arguments=LAYER,
    where="tensorflow",
    lines=(Line(step=steps.Bases(), eager=Holds(()), graph=Holds(())),),
)
SCENES = (_GRAPH, _GRAPH_READ_ONLY, *_SCOPE_NAME, _OTHER_MODE, _INHERITS)
