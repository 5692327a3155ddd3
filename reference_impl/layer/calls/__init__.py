"""What a call takes and gives: inputs, shapes, the forward convolution."""
