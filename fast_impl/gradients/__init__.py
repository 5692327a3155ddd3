"""The methods that compute gradients, one module each."""
