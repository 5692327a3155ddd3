"""The weights of a layer: their first values, their steps and their constraints."""
