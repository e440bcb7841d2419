"""Runs ``mmst SUBCOMMAND …``: the command line, one module a subcommand.

A subcommand has two modules of its name: that in ``arguments`` has ``add_arguments(parser)``, the
one here ``run(args)``, and is imported once the arguments have been read. ``main`` finds both,
``ending`` turns errors into one line and an exit code.
"""
