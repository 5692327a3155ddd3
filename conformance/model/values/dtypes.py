"""The floating formats that a layer may compute in."""

from __future__ import annotations

#: Significand bits, the implicit one included.
SIGNIFICAND_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
