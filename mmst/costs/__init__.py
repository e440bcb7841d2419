"""Counts parameters, multiply-adds and memory of a network, and prints tables of them."""
