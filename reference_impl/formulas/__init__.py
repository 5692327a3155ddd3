"""The definition, to be read beside the page: sizes, sums, activations.

Nothing is checked here. A number may be a `float`, an `int` or a `fractions.Fraction`; an image is a
list [row][column][channel], a kernel a list [a][b][filter][channel], (a, b) being a tap.
"""
