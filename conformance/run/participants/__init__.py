"""Who takes part in a run: subjects in their modes, with what they have and say of themselves."""
