"""Runs ``mmst SUBCOMMAND …``: the command line, one module a subcommand.

A subcommand's module has ``add_arguments(parser)`` and ``run(args)``; it is imported when the
subcommand is called. ``main`` finds it, ``ending`` turns errors into one line and an exit code.
"""
