"""Instructions as bytes: registers, general instructions, and those of each kind of vectors."""
