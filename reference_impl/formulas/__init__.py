"""The definition, to be read beside the page: sizes, sums, activations.

Nothing is checked here. A number is a `float`, an `int` or a `fractions.Fraction`, an image a list
[row][column][channel], a kernel a list [a][b][filter][channel], (a, b) being a tap.
"""
