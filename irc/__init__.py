"""A compiler for neural nets given as graphs: native forward and backward kernels, every level readable."""
