"""Property-based conformance tests of ``tf.compat.v1.layers.Conv2DTranspose`` implementations.

    import conformance

    result = conformance.check(MyLayer, scope="numbers")  # in a script or a notebook
    result.raise_for_findings()

    @conformance.parametrize(MyLayer)                     # in a test suite of one's own
    def test_my_layer(check):
        check()

The way of the data: a strategy draws a `Case`; every `Subject` turns it into an `Observation`,
the oracle into an `Expectation`; checks compare the two for one clause each; a run gathers the
verdicts in a record, from which `reports` makes the page.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conformance.api import NotConforming, Result, check, parametrize

__version__ = "0.1.0"
__all__ = ["NotConforming", "Result", "check", "parametrize"]


def __getattr__(name: str) -> Any:
    # Late, and by name: workers import this package, and nothing that judges.
    if name in __all__:
        return getattr(importlib.import_module("conformance.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
