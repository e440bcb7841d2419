"""Searches coarsely: units, their importance and cost, the penalty, removal, BN recalibration."""
