"""What generated kernels compute: which outputs together, from which inputs."""
