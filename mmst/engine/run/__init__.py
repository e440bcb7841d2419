"""A training run: its work directory, processes, events, resumption."""
