"""Computes the network's functions fast: C++ and Triton kernels, CUDA graphs, compiled blocks."""
