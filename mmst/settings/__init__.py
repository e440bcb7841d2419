"""Reads the settings of a run from its config."""
