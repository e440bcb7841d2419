"""Builds the HR-NAS search space: search block, supernet backbone and its necks."""
