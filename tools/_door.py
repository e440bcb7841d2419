"""Opens a subcommand of ``mmst`` by the path of its tool in a checkout."""
import os.path as osp
import sys

# Other modules are not to be looked for here: tools/profile.py is not Python's.
_HERE = osp.dirname(osp.realpath(__file__))
sys.path[:] = [folder for folder in sys.path if osp.realpath(folder or '.') != _HERE]


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
