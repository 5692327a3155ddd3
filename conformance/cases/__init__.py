"""Where cases come from."""

from conformance.cases.families import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
