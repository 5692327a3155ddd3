"""Scripts about the layer: its arguments, attributes, variables and methods."""
