"""The layer with one algorithm each, to test or time them one by one.

Gradients are computed by the method that works as the algorithm does (`fast_impl.planning.gradients`). Where one
does not apply to a problem, ``scatter`` computes it, as `fast_impl.plan` says.
"""

from __future__ import annotations

from fast_impl.layer.layer import Conv2DTranspose


class Direct(Conv2DTranspose):
    """Sums in registers by generated kernels."""

    _algorithm = "direct"


class Col2im(Conv2DTranspose):
    """Windows of all taps by generated kernels, added where they overlap."""

    _algorithm = "col2im"


class Blocks(Conv2DTranspose):
    """Products that accumulate into blocks of output columns."""

    _algorithm = "blocks"


class Planar(Conv2DTranspose):
    """One product for all taps, added as planes."""

    _algorithm = "planar"


class Small(Conv2DTranspose):
    """One product and one table look-up."""

    _algorithm = "small"


class Scatter(Conv2DTranspose):
    """One product for each tap."""

    _algorithm = "scatter"


CLASSES: dict[str, type[Conv2DTranspose]] = {
    "direct": Direct, "col2im": Col2im, "blocks": Blocks, "planar": Planar, "small": Small,
    "scatter": Scatter,
}  # fmt: skip
for _class in CLASSES.values():
    _class.__name__ = "Conv2DTranspose"  # a layer without a name is named after its class
