"""Opens a subcommand of ``mmst`` by the path of its tool in a checkout."""
import sys


def enter(tool):
    """Call the subcommand of a tool; its messages begin with the tool's name."""
    try:
        from mmst.cli.leaving import leave
        from mmst.cli.main import call
    except ModuleNotFoundError as error:
        if error.name != 'mmst':
            raise
        print(f'{tool}.py: error: mmst is not installed in this Python ({sys.executable}). '
              'Remedy: . .venv/bin/activate, or make setup.', file=sys.stderr)
        sys.exit(2)
    leave(call(tool, sys.argv[1:], f'{tool}.py'))
