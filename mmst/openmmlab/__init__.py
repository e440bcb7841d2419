"""Holds all that mmst needs of OpenMMLab beyond its public interfaces."""
