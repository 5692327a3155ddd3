"""Scripts about variables: names, scopes, collections, reuse, trainable."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.cases.scripted.expected import (
    Arrays,
    Expected,
    Filled,
    Follows,
    Gives,
    Holds,
    Like,
    Numbers,
    Raises,
    SameAs,
    Succeeds,
    Typed,
)
from conformance.cases.scripted.script import INPUTS, LAYER, SIZES, Line, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal

_BUILD, _CALL = steps.Build((None, None, None, 2)), steps.Call(INPUTS)
_PLAIN = {**SIZES, "kernel_initializer": "ones"}


def _named(name: str, **more: Any) -> dict[str, Any]:
    return {**_PLAIN, "name": name, **more}


_DOUBLE = steps.Call(INPUTS.astype(np.float64))
#: Neither a question nor a refused call makes weights, or decides about their dtype.
_UNTOUCHED = tuple(
    Script(
        clause="DTYPE-01",
        arguments=_PLAIN,
        lines=(
            Line(asked, Expected(wanted, wanted)),
            both(steps.Read("built"), Gives(False)),
            both(_DOUBLE, Typed("float64")),
            both(steps.GetWeights(), Typed("float64")),
        ),
    )
    for asked, wanted in (
        (steps.ComputeOutputShape((1, 4, 5, 2)), None),
        (steps.ConvolutionOp(INPUTS, position_coded((2, 2, 2, 4))), None),
        (steps.RoundTrip(), None),
        (steps.Call(INPUTS[0]), Raises("ValueError")),
    )
)
_INFERRED = Script(
    clause="DTYPE-01",
    arguments=_PLAIN,
    lines=(
        both(steps.Read("dtype"), Gives(None)),
        *then(_DOUBLE),
        both(steps.Read("dtype"), Gives("float64")),
        both(steps.Invoke("get_config"), Holds(items={"dtype": "float64"})),
    ),
)
_DEFAULT_NAMES = Script(
    clause="VAR-02",
    arguments=LAYER,
    lines=(
        # A class of another name is named after itself, as Keras names a subclass.
        both(steps.Read("name"), Like(r"[a-z][a-z0-9_]*_\d+")),
        *then(steps.Construct("second", LAYER)),
        both(steps.Read("name"), Follows(0)),
        *then(_CALL),
        both(steps.Read("scope_name"), Like(r"[a-z][a-z0-9_]*")),
        *then(steps.Use("layer"), _CALL),
        # The second one was called first, so its scope comes first.
        both(steps.Read("scope_name"), Follows(4, skips=True)),
    ),
)
_GIVEN_NAMES = Script(
    clause="VAR-02",
    arguments=_named("Given_X"),
    lines=(
        both(steps.Read("name"), Gives("Given_X")),
        *then(_CALL),
        both(steps.Read("scope_name"), Like(r"Given_X(_\d+)?")),
        *then(steps.Construct("second", _named("Given_X"))),
        both(steps.Read("name"), Gives("Given_X")),
        *then(_CALL),
        both(steps.Read("scope_name"), Follows(2)),
    ),
)
#: A build that is refused takes no name from the next one.
_NAMES_AFTER_A_REFUSAL = Script(
    clause="VAR-02",
    arguments=_named("refused"),
    lines=(
        *then(_CALL),
        both(steps.Read("scope_name"), Like(r"refused(_\d+)?")),
        *then(steps.Construct("second", _named("refused"))),
        both(steps.Build((None, None, None, None)), Raises("ValueError")),
        *then(steps.Construct("third", _named("refused")), _CALL),
        both(steps.Read("scope_name"), Follows(1)),
    ),
    where="not graph",
)
_VARIABLE_NAMES = Script(
    clause="VAR-03",
    arguments=_named("nom"),
    lines=(
        *then(_CALL),
        either(steps.OutputName(), None, Gives("nom/BiasAdd:0")),
        *then(_CALL),
        either(steps.OutputName(), None, Gives("nom/BiasAdd_1:0")),
        either(steps.WeightNames(), Succeeds(), Gives(["nom/kernel:0", "nom/bias:0"])),
    ),
    where="graph",
)
_OUTPUT_NAMES = tuple(
    Script(
        clause="VAR-03",
        arguments=_named("nom", **more),
        lines=(*then(_CALL), either(steps.OutputName(), None, Gives(f"nom/{operation}:0"))),
        where="graph",
    )
    for operation, more in (
        ("conv2d_transpose", {"use_bias": False}),
        ("Relu", {"activation": "relu"}),
        ("Tanh", {"use_bias": False, "activation": "tanh"}),
        ("transpose_1", {"use_bias": False, "data_format": "channels_first"}),
        ("atrous_conv2d_transpose/BatchToSpaceND", {"use_bias": False, "dilation_rate": 2}),
    )
)
_VARIABLE_NAMES_EAGER = Script(
    clause="VAR-03",
    arguments=_named("nomen"),
    lines=(
        *then(_CALL, steps.Read("scope_name")),
        both(steps.WeightNames(), Holds((), ("kernel:0", "bias:0"))),
        both(steps.Read("scope_name"), Like(r"nomen(_\d+)?")),
    ),
    where="eager",
)
_SCOPES = Script(
    clause="VAR-04",
    arguments=_named("inner"),
    lines=(
        *then(steps.Enter("variable_scope", {"name_or_scope": "outer"}), _CALL, steps.Leave()),
        both(steps.WeightNames(), Gives(["outer/inner/kernel:0", "outer/inner/bias:0"])),
        *then(
            steps.Enter("variable_scope", {"name_or_scope": "elsewhere"}),
            steps.Construct("early", _named("free")),
            steps.Leave(),
            _CALL,
        ),
        both(steps.WeightNames(), Gives(["free/kernel:0", "free/bias:0"])),
        *then(
            steps.Construct("ops", _named("op")),
            steps.Enter("name_scope", {"name": "ops"}),
            _CALL,
            steps.Leave(),
        ),
        both(steps.WeightNames(), Gives(["op/kernel:0", "op/bias:0"])),
        both(steps.OutputName(), Gives("ops/op/BiasAdd:0")),
    ),
    where="graph",
)
_SCOPES_EAGER = Script(
    clause="VAR-04",
    arguments=_named("inner"),
    lines=(
        *then(steps.Enter("variable_scope", {"name_or_scope": "outer"}), _CALL, steps.Leave()),
        both(steps.Read("scope_name"), Like(r"outer/inner(_\d+)?")),
    ),
    where="eager",
)
_TRAINABLE = tuple(
    Script(
        clause="VAR-05",
        arguments=_named("layer", trainable=trainable),
        lines=(
            *then(_CALL),
            either(
                steps.Collection("trainable_variables"),
                Gives([]),
                Arrays(((2, 3, 3, 2), (3,)) if trainable else ()),
            ),
            either(steps.Collection("variables"), Gives([]), Arrays(((2, 3, 3, 2), (3,)))),
        ),
        where="tensorflow",
    )
    for trainable in (True, False)
)
_UNTRAINABLE = Script(
    clause="VAR-06",
    arguments={**_PLAIN, "trainable": False, "kernel_regularizer": {"function": "sum"}},
    lines=(
        *then(_CALL),
        both(steps.Read("trainable_weights"), Gives([])),
        both(steps.Read("non_trainable_weights"), Arrays(((2, 3, 3, 2), (3,)))),
        *then(steps.Assign("trainable", True)),
        both(steps.Read("trainable_weights"), Gives([])),
        both(steps.Losses(), Gives([36.0])),
    ),
)
_FROZEN_LATER = Script(
    clause="VAR-06",
    arguments={**SIZES, "name": "frozen"},
    lines=(
        *then(_BUILD),
        both(steps.Read("trainable_weights"), Arrays(((2, 3, 3, 2), (3,)))),
        *then(steps.Assign("trainable", False)),
        both(steps.Read("trainable_weights"), Gives([])),
        either(steps.Collection("trainable_variables"), None, Arrays(((2, 3, 3, 2), (3,)))),
        *then(steps.Assign("trainable", True)),
        both(steps.Read("trainable_weights"), Arrays(((2, 3, 3, 2), (3,)))),
    ),
)
#: Losses are kept, and the configuration tells what the attribute is now.
_FROZEN_LATER_LOSSES = (
    Script(
        clause="VAR-06",
        arguments={**_PLAIN, "kernel_regularizer": {"function": "sum"}},
        lines=(
            *then(_CALL, steps.Assign("trainable", False)),
            both(steps.Losses(), Gives([36.0])),
        ),
    ),
    Script(
        clause="METH-06",
        arguments=_PLAIN,
        lines=(
            *then(steps.Assign("trainable", False)),
            both(steps.Invoke("get_config"), Holds(items={"trainable": False})),
        ),
    ),
)
_SLASHES = tuple(
    Script(
        clause="ATTR-02",
        arguments=_named(name),
        lines=(*then(_CALL), both(steps.Read("scope_name"), Like(rf"{name}(_\d+)?"))),
    )
    for name in ("one/two", "one/two/three")
)
_TRAINABLE_AT_THE_CALL = tuple(
    Script(
        clause="VAR-06",
        arguments={**_PLAIN, "trainable": not trainable},
        lines=(
            *then(steps.Assign("trainable", trainable), _CALL, steps.Assign("trainable", True)),
            both(
                steps.Read("trainable_weights"),
                Arrays(((2, 3, 3, 2), (3,))) if trainable else Gives([]),
            ),
        ),
    )
    for trainable in (True, False)
)
_REGULAR = {"kernel_regularizer": {"function": "sum"}, "activity_regularizer": {"function": "sum"}}
_COLLECTIONS = Script(
    clause="VAR-07",
    arguments=_named("layer", **_REGULAR),
    lines=(
        *then(_CALL),
        either(
            steps.Collections(),
            Holds((), ("variables", "trainable_variables", "regularization_losses")),
            Holds(("variables", "trainable_variables", "regularization_losses")),
        ),
        either(steps.Collection("regularization_losses"), Gives([]), Succeeds()),
        either(steps.Collection("update_ops"), Gives([]), Gives([])),
    ),
    where="tensorflow",
)
_TWICE = Script(
    clause="VAR-08",
    arguments=_named("twice", kernel_regularizer={"function": "sum"}),
    lines=(
        *then(_CALL, _CALL),
        both(steps.GetWeights(), Arrays(((2, 3, 3, 2), (3,)))),
        both(steps.Losses(), Gives([36.0])),
    ),
)


def _reuse(name: str, graph: Any, second: dict[str, Any]) -> Script:
    return Script(
        clause="VAR-09",
        arguments=_named(name, kernel_regularizer={"function": "sum"}),
        lines=(
            *then(_CALL, steps.Construct("second", {**_PLAIN, **second})),
            either(_CALL, None, Succeeds() if isinstance(graph, Gives) else graph),
            either(steps.SameWeights("layer"), None, graph if isinstance(graph, Gives) else None),
        ),
        where="graph",
    )


_SHARED, _MISSING = Gives([True, True]), Raises("ValueError")
_REUSE = (
    _reuse("s", _SHARED, {"_scope": "s", "_reuse": True}),
    _reuse("t", _SHARED, {"name": "t", "_reuse": True}),
    _reuse("u", Raises("ValueError", "does not exist"), {"name": "other", "_reuse": True}),
    _reuse("v", Raises("ValueError", "already exists, disallowed"), {"_scope": "v"}),
    _reuse("w", Raises("ValueError", "Trying to share variable"),
           {"_scope": "w", "_reuse": True, "filters": 4}),
    Script(
        clause="VAR-09",
        arguments=_named("x", kernel_regularizer={"function": "sum"}),
        lines=(
            *then(
                _CALL,
                steps.Construct("second", _named("x", _scope="x", _reuse=True,
                                                 kernel_regularizer={"function": "sum"})),
                _CALL,
            ),
            both(steps.Losses(), Gives([])),
            both(steps.Collection("regularization_losses"), Gives([36.0])),
        ),
        where="graph",
    ),
    Script(
        clause="VAR-09",
        arguments=_named("y"),
        lines=(
            *then(
                steps.Enter("variable_scope", {"name_or_scope": "outer",
                                               "reuse": literal("tf.compat.v1.AUTO_REUSE")}),
                _CALL,
                steps.Leave(),
                steps.Enter("variable_scope", {"name_or_scope": "outer",
                                               "reuse": literal("tf.compat.v1.AUTO_REUSE")}),
                steps.Construct("second", _named("y")),
                _CALL,
                steps.Leave(),
            ),
            both(steps.SameWeights("layer"), _SHARED),
        ),
        where="graph",
    ),
)  # fmt: skip
_REUSE_EAGER = tuple(
    Script(
        clause="VAR-10",
        arguments=_named("shared"),
        lines=(
            *then(_CALL, steps.Construct("second", {**_PLAIN, **second})),
            either(_CALL, Succeeds(), None),
            either(steps.SameWeights("layer"), Gives([False, False]), None),
        ),
        where="not graph",
    )
    for second in (
        {"_scope": "shared", "_reuse": True},
        {"name": "shared", "_reuse": True},
        {"_scope": "shared"},
        {"name": "nothing of the kind", "_reuse": True},
    )
)
_SEVEN = literal("tf.compat.v1.constant_initializer(7.)")


def _scoped(
    more: dict[str, Any], scope: dict[str, Any], *lines: Line, where: str = "graph"
) -> Script:
    return Script(
        clause="VAR-11",
        arguments={**SIZES, **more},
        lines=(
            *then(
                steps.Enter("variable_scope", {"name_or_scope": "s", **scope}), _CALL, steps.Leave()
            ),
            *lines,
        ),
        where=where,
    )


_SCOPE_SETTINGS = (
    *(_scoped(more, {"initializer": _SEVEN}, both(steps.GetWeights(), Filled(filled)), where="tensorflow")
      for more, filled in (({}, (7.0, 0.0)), ({"bias_initializer": None}, (7.0, 7.0)),
                           ({"kernel_initializer": "ones"}, (1.0, 0.0)))),
    _scoped(
        {"kernel_initializer": "ones"}, {"regularizer": literal("tf.nn.l2_loss")},
        both(steps.Losses(), Gives([])),
        both(steps.Collection("regularization_losses"), Gives([18.0, 0.0])),
    ),
    _scoped({}, {"dtype": literal("tf.float64")}, both(steps.Read("kernel"), Typed("float32"))),
    _scoped({}, {"initializer": literal("tf.compat.v1.constant_initializer(-7.)"),
                 "constraint": literal("tf.nn.relu")},
            both(steps.Train(INPUTS, np.zeros((1, 5, 7, 3), np.float32), 0.5), Filled((-7.0, 0.0)))),
    _scoped({}, {"partitioner": literal("tf.compat.v1.fixed_size_partitioner(2)")},
            both(steps.WeightTypes(), Gives(["PartitionedVariable", "PartitionedVariable"]))),
    _scoped({}, {"use_resource": False}, both(steps.WeightTypes(), Gives(["RefVariable", "RefVariable"]))),
)  # fmt: skip
_TYPES = Script(
    clause="VAR-12",
    arguments=_PLAIN,
    lines=(
        *then(_CALL),
        both(
            steps.WeightTypes(),
            Gives(["ResourceVariable", "ResourceVariable"]),
            v1=Gives(["RefVariable", "RefVariable"]),
        ),
    ),
    where="tensorflow",
)
_KERAS_STYLE = Script(
    clause="VAR-13",
    arguments=_PLAIN,
    lines=(
        *then(steps.Enter("keras_style_scope")),
        both(steps.Construct("scoped", {**_PLAIN, "_scope": "s"}), Raises("ValueError")),
        both(steps.Construct("reusing", {**_PLAIN, "_reuse": True}), Raises("ValueError")),
        *then(steps.Construct("plain", _PLAIN), _CALL),
        both(steps.Read("scope_name"), Raises("ValueError")),
    ),
    where="tensorflow",
)
_COUNT = Script(
    clause="VAR-14",
    arguments=SIZES,
    lines=(
        both(steps.Invoke("count_params"), Raises("ValueError", "isn't built")),
        *then(_BUILD),
        both(steps.Invoke("count_params"), Gives(39)),
        *then(steps.Assign("trainable", False)),
        both(steps.Invoke("count_params"), Gives(39)),
        *then(
            steps.Construct("no bias", {**SIZES, "use_bias": False}),
            steps.Build((None, None, None, 2)),
        ),
        both(steps.Invoke("count_params"), Gives(36)),
        *then(
            steps.Construct("fixed", {**SIZES, "trainable": False}),
            steps.Build((None, None, None, 2)),
        ),
        both(steps.Invoke("count_params"), Gives(39)),
        # Beyond 16 bits.
        *then(
            steps.Construct("large", {**SIZES, "filters": 200}),
            steps.Build((None, None, None, 60)),
        ),
        both(steps.Invoke("count_params"), Gives(72_200)),
        # Beyond 8 bits, though the filters are given in 8.
        *then(
            steps.Construct("short", {**SIZES, "filters": literal("np.uint8(3)")}),
            steps.Build((None, None, None, 60)),
        ),
        both(steps.Invoke("count_params"), Gives(1083)),
    ),
)
_PAIR: tuple[tuple[int, ...], ...] = ((2, 3, 3, 2), (3,))
_BUILD_OTHER = Script(
    clause="VAR-15",
    arguments=_PLAIN,
    where="graph",
    lines=(
        *then(steps.Build((None, None, None, 2))),
        both(steps.Build((None, None, None, 4)), Raises("ValueError")),
    ),
)
_BUILD_TWICE = Script(
    clause="VAR-15",
    arguments=_PLAIN,
    lines=(
        *then(_BUILD, _BUILD),
        either(steps.Read("weights"), Arrays(_PAIR * 2), Arrays(_PAIR)),
    ),
)
_OLDER, _NEWEST = (
    (position_coded((2, 3, 3, 2), start=start), position_coded((3,), start=start))
    for start in (100, 1)
)
#: The weights that were made last are the layer's.
_BUILT_TWICE = Script(
    clause="VAR-15",
    arguments=_PLAIN,
    lines=(
        *then(
            steps.Build((None, None, None, 2)),
            steps.Build((None, None, None, 2)),
            steps.SetWeights((*_OLDER, *_NEWEST)),
        ),
        both(_CALL, Numbers()),
    ),
    where="not graph",
)
#: Each build asks for values of its own.
_ASKED_FOR_VALUES = Script(
    clause="VAR-15",
    arguments={**SIZES, "kernel_initializer": {"function": "told calls, values"}},
    lines=(
        *then(steps.Build((None, None, None, 2)), steps.Build((None, None, None, 2))),
        both(steps.GetWeights(), Filled((1.0, 0.0, 2.0, 0.0))),
    ),
    where="not graph",
)
#: The kernel's values are asked for first.
_ASKED_FIRST = Script(
    clause="VAR-01",
    arguments={
        **SIZES,
        "kernel_initializer": {"function": "told calls, values"},
        "bias_initializer": {"function": "told calls, values"},
    },
    lines=(*then(_BUILD), both(steps.GetWeights(), Filled((1.0, 2.0)))),
)
#: What a build has decided stays so.
_BUILT_DTYPE = Script(
    clause="DTYPE-01",
    arguments=_PLAIN,
    lines=(
        *then(steps.Build((None, None, None, 2))),
        either(_DOUBLE, Raises("InvalidArgumentError"), Raises("TypeError")),
        both(steps.GetWeights(), Typed("float32")),
    ),
)
#: Lists that a layer gives are the caller's: one that is emptied is not the layer's own.
_OWN_LISTS = Script(
    clause="VAR-01",
    arguments=_PLAIN,
    lines=(
        *then(_CALL, steps.Empty("weights"), steps.Empty("trainable_weights")),
        both(steps.GetWeights(), Filled((1.0, 0.0))),
        both(steps.Read("weights"), Arrays(((2, 3, 3, 2), (3,)))),
        both(steps.Read("trainable_weights"), Arrays(((2, 3, 3, 2), (3,)))),
    ),
)
_OWN_LOSSES = Script(
    clause="LOSS-06",
    arguments={**_PLAIN, **_REGULAR},
    lines=(
        *then(_CALL, steps.Losses(), steps.Empty("losses")),
        both(steps.Losses(), SameAs(1)),
        *then(steps.LossesFor("inputs"), steps.Empty("get_losses_for", is_method=True)),
        either(steps.LossesFor("inputs"), None, SameAs(4), outside=SameAs(4)),
        either(steps.Losses(), None, SameAs(1), outside=SameAs(1)),
    ),
)
#: What asks, or changes, the weights and the like is no call: the activity loss is the last call's.
_LAST_CALL = Script(
    clause="LOSS-05",
    arguments={**_PLAIN, "activity_regularizer": {"function": "sum"}},
    lines=(
        *then(_CALL, steps.Losses(), steps.GetWeights(), steps.ComputeOutputShape((1, 4, 5, 2))),
        both(steps.Losses(), SameAs(1)),
        *then(steps.ConvolutionOp(INPUTS, position_coded((2, 2, 2, 4)))),
        both(steps.Losses(), SameAs(1)),
        *then(steps.SetWeights((position_coded((2, 3, 3, 2)), position_coded((3,))))),
        either(steps.Losses(), SameAs(1), None),
    ),
)
#: Nor are gradients, unless they are those of a call that a tape has seen.
_LAST_CALL_BEFORE_GRADIENTS = Script(
    clause="LOSS-05",
    arguments=_LAST_CALL.arguments,
    lines=(
        *then(_CALL, steps.Losses()),
        *then(steps.Gradients(INPUTS + 1, np.ones((1, 5, 7, 3), np.float32))),
        both(steps.Losses(), SameAs(1)),
    ),
    where="without a tape",
)
SCRIPTS = (
    _ASKED_FOR_VALUES,
    _ASKED_FIRST,
    _BUILT_DTYPE,
    _OWN_LISTS,
    _OWN_LOSSES,
    _LAST_CALL,
    _LAST_CALL_BEFORE_GRADIENTS,
    *_UNTOUCHED,
    _DEFAULT_NAMES,
    _GIVEN_NAMES,
    _NAMES_AFTER_A_REFUSAL,
    _VARIABLE_NAMES,
    *_OUTPUT_NAMES,
    _VARIABLE_NAMES_EAGER,
    _SCOPES,
    _SCOPES_EAGER,
    *_TRAINABLE,
    _UNTRAINABLE,
    _FROZEN_LATER,
    *_FROZEN_LATER_LOSSES,
    *_SLASHES,
    _INFERRED,
    *_TRAINABLE_AT_THE_CALL,
    _COLLECTIONS,
    _TWICE,
    *_REUSE,
    *_REUSE_EAGER,
    *_SCOPE_SETTINGS,
    _TYPES,
    _KERAS_STYLE,
    _COUNT,
    _BUILD_TWICE,
    _BUILT_TWICE,
    _BUILD_OTHER,
)
