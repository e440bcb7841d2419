"""Finds the configs and tools of this package: in its checkout, else in the package itself."""
from pathlib import Path

PACKAGED = Path(__file__).resolve().parents[1] / '.mim'
#: The checkout, to which the links in ``PACKAGED`` lead; in a wheel ``PACKAGED`` holds the files.
ROOT = (PACKAGED / 'configs').resolve().parent
CONFIGS, TOOLS, STUDIES = ROOT / 'configs', ROOT / 'tools', ROOT / 'configs' / 'studies'
