"""Settings of a run, read from its config."""
