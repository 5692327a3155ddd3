"""Python objects as subjects, in this process: classes, factories and functions, importable or not."""

from __future__ import annotations

import sys
from typing import Any

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values.codec import text_of
from conformance.subjects.backend import observe
from conformance.subjects.loading import backend_class, describe_object


class ObjectSubject:
    """A class, a factory or a function of this process, importable or not.

    Args:
        target: the object.
        name: what reports call it; None takes the object's own name.

    Raises:
        LoadError: `target` is no implementation.
    """

    mode = "eager"

    def __init__(self, target: Any, name: str | None = None) -> None:
        self.target = target
        module, own = _place(target)
        self.name = name or own.rpartition(".")[2]
        self.spec = f"{module}:{own}"
        self._backend = backend_class(target, text_of(target, repr, 80))

    def describe(self) -> dict[str, Any]:
        """Return versions, settings and declared capabilities."""
        return describe_object(self.target, self.mode)

    def observe(self, case: Case) -> Observation:
        """Run the case; a layer that would end the process is said to crash."""
        try:
            return observe(case, self._backend(self.target))
        except SystemExit as error:
            return Observation(crash=f"it left the process with status {error.code!r}")

    def close(self) -> None:
        """Nothing to give back."""


def _place(target: Any) -> tuple[str, str]:
    """Return the module of an object and its name there; of one without a name, those of its class."""
    named = target if hasattr(target, "__qualname__") else type(target)
    module = str(getattr(named, "__module__", None) or "builtins")
    if named is not target:
        # An object in a module, such as a partial function, has the name that it is bound to.
        loaded = vars(sys.modules[module]) if module in sys.modules else {}
        bound = [name for name, value in loaded.items() if value is target]
        return module, (bound or [named.__qualname__])[0]
    return module, str(named.__qualname__).replace("<lambda>", "<locals>.implementation")
