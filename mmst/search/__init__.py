"""Coarse: search units, their importance and cost, the penalty, removal, BN recalibration."""
