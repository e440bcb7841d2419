"""What mmst needs of OpenMMLab beyond its public interfaces."""
