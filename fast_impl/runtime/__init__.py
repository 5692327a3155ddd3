"""What computing needs of the machine: memory, threads, the BLAS, executable pages."""
