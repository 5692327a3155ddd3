"""The cases of a run in pieces: explored in several processes, on several machines, and put together."""
