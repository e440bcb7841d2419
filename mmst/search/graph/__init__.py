"""Search units of any network: its coupled channels, found by following them through a pass."""
