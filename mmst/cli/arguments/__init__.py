"""Adds the arguments of each subcommand: a module a subcommand, named as it is.

Its docstring is the description in ``--help``, its ``add_arguments(parser)`` adds the arguments.
Neither imports torch or mmengine: help and errors come at once.
"""
