"""Holds mmst's uses of OpenMMLab beyond its public interfaces."""
