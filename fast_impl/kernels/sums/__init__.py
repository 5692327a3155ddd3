"""What calls of kernels of sums are made of: lanes, panels of them, grids of pixels, tiles, streams."""
