"""From the layer to another framework's transposed convolution, and back: arguments, weights, code and words."""

from __future__ import annotations

from conformance.translate.operation import Untranslatable
from conformance.translate.translation import Translation, output_padding_for, translate

__all__ = ["Translation", "Untranslatable", "output_padding_for", "translate"]
