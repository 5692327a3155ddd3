"""Scripts about numbers, and about the functions that make or change them."""
