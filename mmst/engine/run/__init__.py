"""Trains: a run's work directory, processes, events, resumption."""
