"""Writes the folder of a C library."""
from pathlib import Path
from typing import Any

from ... import files
from ...errors import config_error
from ...tickets import Ticket
from ..sparse.library import SOURCE
from ..windows import warn_of_windows
from .network import encode_with_layers
from .readme import readme

#: The library's own files.
FOLDER = Path(__file__).parent / 'source'
#: Headers of the engine that it includes: all that SparseModel's kernel has.
ENGINE = SOURCE.parent
WEIGHTS = 'weights.bin'


def write_project(ticket: Ticket, folder: str | Path, int8: bool = False) -> dict[str, Any]:
    """Write sources, weights, build files, an example and a README.

    A warning says so where the toolbox slides a window, which the library does not.

    Args:
        ticket (Ticket): Of a network for segmentation, key points or classification.
        folder (str | Path): New, empty, or one that this function has written.
        int8 (bool): Whether weights are stored with eight bits each, and a scale an output
            channel. The library computes in single precision all the same.

    Returns:
        Dict[str, Any]: ``bytes``: of the weights' file; ``kept``: weights that are not 0;
        ``kind``, ``channels``, ``outputs``: of the network; ``labels``: whether the library gives a
        class of each pixel.

    Raises:
        ConfigError: There are other files in ``folder``, or it is a file.
        TicketError: The C library cannot run the network.
    """
    folder = Path(folder)
    check_folder(folder)
    data, found, network, _ = encode_with_layers(ticket, int8)
    found['bytes'] = len(data)
    contents = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}
    contents.update({path.name: path.read_bytes() for path in sorted(ENGINE.glob('*.h'))})
    if not found['labels']:  # pictures of labels are for segmentation
        del contents['label.c']
        contents.update({name: without_example(contents[name].decode(), name).encode()
                         for name in ('Makefile', 'CMakeLists.txt')})
    contents.update({WEIGHTS: data, 'README.md': readme(found).encode()})
    files.write_together({folder / name: content for name, content in contents.items()})
    warn_of_windows(network)
    return found


def check_folder(folder: Path) -> None:
    """Refuse a folder whose files are somebody else's.

    Raises:
        ConfigError: It is a file, or holds files but no exported library.
    """
    problem = None
    if folder.exists() and not folder.is_dir():
        problem = 'is no folder'
    elif folder.is_dir() and any(folder.iterdir()) and not (folder / 'ticket.h').is_file():
        problem = 'holds other files'
    if problem:
        raise config_error('--out', str(folder), problem, 'name a new folder')


def without_example(text: str, name: str) -> str:
    """Return a build file without the example."""
    if name == 'Makefile':
        start, end = text.index('label: label.c'), text.index('clean:')
        return (text[:start] + text[end:]).replace('timing label', 'timing')
    return text[:text.index('add_executable(label')]
