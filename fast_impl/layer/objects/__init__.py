"""What arguments of the layer name, activations to constraints, and the configurations of these objects."""
