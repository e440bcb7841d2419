"""Compiles C++ at first use: nothing has to be compiled to install this package."""
