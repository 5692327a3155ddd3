"""By which of its parameters a bare function is given the page's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from conformance.model.values.codec import text_of

#: What a function is given behind inputs and kernel, in this order, and what stands for one that it lacks.
OPTIONS: Mapping[str, Any] = {"strides": (1, 1), "padding": "valid", "data_format": "channels_last"}
#: What it is given by name alone, in the cases that need it.
BY_NAME = ("dilation_rate", "output_padding", "bias")
#: By argument the name of a parameter, or the place of one that has no name to be given by.
Taken: TypeAlias = Mapping[str, str | int]


def taken_by(function: Callable[..., Any]) -> Taken:
    """Return which arguments a bare function takes, and how: ``f(inputs, kernel, strides, padding, data_format)``.

    A parameter that has an argument's name is that argument, wherever it stands. Others are taken by their place:
    the third for the strides, the fourth for the padding, the fifth for the layout, whatever their names, unless
    an argument stands before them in another's place. A function may lack some of these.

    Raises:
        ValueError: it cannot be called so; the message says why.
    """
    try:
        parameters = [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):  # what is written in C may have no signature
        return {name: 2 + place for place, name in enumerate(OPTIONS)} | {
            name: name for name in BY_NAME
        }
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    takes_any_place = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    takes_any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    if len(placed) < 2 and not takes_any_place:
        raise ValueError("it does not take inputs and a kernel by position")
    found: dict[str, str | int] = {}
    is_own = True
    for place, name in enumerate(OPTIONS, start=2):
        at_place = placed[place] if place < len(placed) else None
        is_own &= at_place is not None and at_place.name not in {*OPTIONS, *BY_NAME} - {name}
        if takes_any_place and (is_own or at_place is None):
            found[name] = place  # what lies behind it can be given by place alone
        elif name in named:
            found[name] = name
        elif at_place is not None and is_own:
            found[name] = place if at_place.kind is at_place.POSITIONAL_ONLY else at_place.name
        elif takes_any_name:
            found[name] = name
    found |= {name: name for name in BY_NAME if name in named or takes_any_name}
    if not {"strides", "padding"} & found.keys():
        raise ValueError("it takes neither strides nor padding")
    given = {
        placed[to].name if isinstance(to, int) and to < len(placed) else to for to in found.values()
    }
    others = [*placed[2:], *(p for p in parameters if p.kind is p.KEYWORD_ONLY)]
    if unknown := [p.name for p in others if p.default is p.empty and p.name not in given]:
        raise ValueError(f"nothing is known to be given as {' and '.join(unknown)}")
    return found


def given_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a layer's arguments a function is given: of numbers for both axes always two."""
    given = {name: pair(arguments[name]) for name in OPTIONS if name in arguments}
    further = {name: pair(arguments.get(name)) for name in BY_NAME}
    return given | {name: value for name, value in further.items() if value is not None}


def pair(value: Any) -> Any:
    """Return one number for both axes as two; what a function is not to be given stays as it is."""
    return (value, value) if isinstance(value, int) else value


def arguments_of(taken: Taken, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return what a function is given behind inputs and kernel, by place and by its own names.

    Args:
        taken: what `taken_by` says of it.
        given: values of the page's arguments; of `OPTIONS` those that are not there have their defaults.

    Raises:
        KeyError: of an argument that the function does not take and that is not its default; it holds the name.
    """
    values = {**OPTIONS, **given}
    for name in sorted(values.keys() - taken.keys()):
        value = tuple(values[name]) if isinstance(values[name], list) else values[name]
        if name not in OPTIONS or text_of(value, repr) != repr(OPTIONS[name]):
            raise KeyError(name)
    places = sorted((place, name) for name, place in taken.items() if isinstance(place, int))
    by_name = {taken[name]: values[name] for name in values if isinstance(taken.get(name), str)}
    return [values[name] for _, name in places], {str(k): v for k, v in by_name.items()}
