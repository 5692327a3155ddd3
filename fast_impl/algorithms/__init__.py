"""The algorithms: one module each, all with the same signature."""
