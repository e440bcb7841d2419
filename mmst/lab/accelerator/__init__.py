"""Estimates time on a sparse accelerator, by a model of it."""
