"""The layer as an object: its arguments and methods, its life, what surrounds it, and its process."""
