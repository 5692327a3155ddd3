"""Machine code for x86-64, made at run time: the assembler, and the kernels it assembles."""
