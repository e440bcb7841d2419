"""Offers search units of any network: coupled channels, followed through a pass."""
