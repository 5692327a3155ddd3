"""The methods that compute the layer's output, one module each."""
