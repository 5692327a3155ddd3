"""Plain data: case, steps, observation, codec, callables, clauses, geometry."""
