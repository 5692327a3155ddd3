"""What an update needs: initial weights, losses and their gradients, the constraints afterwards."""
