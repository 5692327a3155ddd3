"""Known mistakes. What a layer is, and says: arguments, weights, methods, training, rare uses of them."""
