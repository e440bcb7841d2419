"""The network's functions computed fast: C++ and Triton kernels, CUDA graphs, compiled blocks."""
