"""The norm as code: checks, and the index of them."""

from conformance.checks.check import Check
from conformance.checks.index import CHECKS, Checks
from conformance.checks.view import Misbehaved, NotSupported, NotTried, View
from conformance.model.traits import Traits

__all__ = [
    "CHECKS", "Check", "Checks", "Misbehaved", "NotSupported", "NotTried", "Traits", "View",
]  # fmt: skip
