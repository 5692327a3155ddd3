"""What is tried: cases drawn at random, cases from tables, and cases with a script."""

from conformance.cases.index import FAMILIES, Family

__all__ = ["FAMILIES", "Family"]
