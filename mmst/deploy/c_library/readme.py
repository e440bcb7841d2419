"""Words the README of an exported C library."""
from collections.abc import Mapping
from typing import Any

_TEXT = '''# A ticket as a C library

`ticket.h` has the functions, `weights.bin` the weights: {bytes:,} bytes for {kept:,} parameters
that are not 0 ({share:.2f} bytes each). The images have {channels} channels, the output has
{outputs} {what}.

    make                         # libticket.so, timing{example}, for this processor
    cmake -B build && cmake --build build

Another processor: `make ARCH= CC=aarch64-linux-gnu-gcc CXX=aarch64-linux-gnu-g++`. `ARCH` holds the
compiler's flags for the processor: without `-mavx2 -mfma` or the like a library for x86-64 uses
vectors of four floats. With `-DTICKET_NO_THREADS` in `CXXFLAGS` it needs no threads.

Heights and widths are any: with `TICKET_RESIZE` the library resizes the image to the next multiple
of the divisor that `ticket_describe` tells. `ticket_scratch` tells the memory that a run needs;
`ticket_run` takes it from the caller and allocates nothing.

    ./timing 512 1024 1 20 < weights.bin     # milliseconds of 20 images of 512x1024 on one thread
{usage}'''
_USAGE = '''
    ./label weights.bin picture.ppm labels.pgm
'''


def readme(found: Mapping[str, Any]) -> str:
    """Return the README for the result of :func:`~mmst.deploy.c_library.network.encode`."""
    labels = found['labels']
    what = ('classes', 'heat maps', 'classes, a score of the whole image each')[found['kind']]
    return _TEXT.format(
        **found, share=found['bytes'] / max(found['kept'], 1),
        what=what, example=' and label' if labels else '',
        usage=_USAGE if labels else '')
