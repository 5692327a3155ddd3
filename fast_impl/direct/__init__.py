"""What the generated kernels of `fast_impl.machine` compute: which outputs together, from which inputs."""
