"""Lets a pruned network learn from a dense one while it trains."""
