"""Scripts about the two attributes of the page, its base classes, and the class's hidden state."""

from __future__ import annotations

from conformance.cases.scripted.expected import Gives, Holds, Like, Raises, SameAs
from conformance.cases.scripted.script import INPUTS, LAYER, Script, both, either, then
from conformance.model import steps

_CALL = steps.Call(INPUTS)
_GRAPH = Script(
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
_GRAPH_READ_ONLY = Script(
    clause="ATTR-01",
    arguments=LAYER,
    where="graph",
    lines=(
        both(steps.Read("graph"), Gives(None)),
        both(steps.Assign("graph", 1), Raises("AttributeError")),
    ),
)
_SCOPE_NAME = (
    Script(
        clause="ATTR-02",
        arguments={**LAYER, "name": "attributed"},
        lines=(
            both(steps.Read("scope_name"), Raises("ValueError", "No name available")),
            *then(_CALL),
            both(steps.Read("scope_name"), Like(r"attributed(_\d+)?")),
        ),
    ),
    Script(
        clause="ATTR-02",
        arguments={**LAYER, "name": "attributed"},
        lines=(
            *then(steps.Build((None, None, None, 2))),
            both(steps.Read("scope_name"), Like(r"attributed(_\d+)?")),
        ),
    ),
    # The scope of the first call stays, and is no other name.
    Script(
        clause="ATTR-02",
        arguments={**LAYER, "name": "attributed"},
        lines=(
            *then(steps.Invoke("call", (INPUTS,), {"scope": "at_first"})),
            both(steps.Read("scope_name"), Like(r"at_first(_\d+)?")),
            *then(
                steps.Invoke("call", (INPUTS,), {"scope": "later"}),
                steps.Invoke("apply", (INPUTS,), {"scope": "last"}),
            ),
            both(steps.Read("scope_name"), SameAs(1)),
            both(steps.Read("name"), Gives("attributed")),
        ),
    ),
    Script(
        clause="ATTR-02",
        arguments={**LAYER, "_scope": "known"},
        lines=(both(steps.Read("scope_name"), Like("known")),),
    ),
)
_BROKEN = (Raises("ValueError", "invalid state"), Raises("AttributeError"))
_OTHER_MODE = Script(
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
_INHERITS = Script(
    clause="ATTR-04",
    arguments=LAYER,
    where="tensorflow",
    lines=(either(steps.Bases(), Holds(()), Holds(())),),
)
SCRIPTS = (_GRAPH, _GRAPH_READ_ONLY, *_SCOPE_NAME, _OTHER_MODE, _INHERITS)
