"""Plain data: case, steps, observation, codec, named values, clauses, geometry."""
