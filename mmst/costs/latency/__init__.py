"""Predicts how many milliseconds a network takes, from a table of measured times."""
