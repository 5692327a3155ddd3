"""Where cases come from."""

from conformance.strategies.families import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
