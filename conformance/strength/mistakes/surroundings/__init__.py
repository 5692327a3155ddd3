"""Known mistakes. What surrounds a call: memory, sharing, what came before, other layers, batches and threads."""
