"""Known mistakes. What comes out: places, sizes, numbers, formats, special numbers."""
