"""Runs an exported C library from Python, without torch: c_library.py LIBRARY WEIGHTS H W"""
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int32, c_int64, c_size_t, c_uint8, c_void_p

import numpy as np

NORMALISE, RESIZE, BGR = 1, 2, 4
SEGMENTATION, HEATMAPS, CLASSES = range(3)


def fields(kind, names):
    return [(name, kind) for name in names.split()]


class Info(ctypes.Structure):
    _fields_ = fields(c_int32, 'kind channels outputs divisor stride threads')


class Image(ctypes.Structure):
    _fields_ = [('data', c_void_p), *fields(c_int32, 'type height width'),
                *fields(c_int64, 'channel row column')]


class Output(ctypes.Structure):
    _fields_ = [('scores', POINTER(c_float)), *fields(c_int64, 'score_channel score_row'),
                ('labels', POINTER(c_uint8)), ('label_row', c_int64)]


class TicketLibraryError(RuntimeError):
    """Is raised for an error of a function of the library."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class CTicket:
    """Holds one opened ticket.

    Args:
        library (str): Path of libticket.so.
        weights (str | bytes): Path of weights.bin, or its content.
        threads (int): The caller's included.
    """

    def __init__(self, library, weights, threads=1):
        self.lib = ctypes.CDLL(str(library))
        self.lib.ticket_version.restype = self.lib.ticket_error.restype = c_char_p
        self.lib.ticket_close.argtypes = [c_void_p]
        self.lib.ticket_close.restype = self.lib.ticket_describe.restype = None
        self.lib.ticket_describe.argtypes = [c_void_p, c_void_p]
        self.lib.ticket_scratch.argtypes = [c_void_p, c_int32, c_int32, c_int32, c_void_p]
        self.lib.ticket_run.argtypes = [c_void_p, c_void_p, c_int32, c_void_p, c_void_p, c_size_t]
        self.opened, self.info = c_void_p(), Info()
        if isinstance(weights, bytes):
            self.check(self.lib.ticket_open(weights, c_size_t(len(weights)), threads,
                                            byref(self.opened)))
        else:
            self.check(self.lib.ticket_open_file(str(weights).encode(), threads,
                                                 byref(self.opened)))
        self.lib.ticket_describe(self.opened, byref(self.info))

    def check(self, code):
        if code:
            raise TicketLibraryError(code, self.lib.ticket_error(code).decode())

    def scratch(self, height, width, options=0):
        """Return the bytes that a run needs."""
        size = c_size_t()
        self.check(self.lib.ticket_scratch(self.opened, height, width, options, byref(size)))
        return size.value

    def scores(self, image, options=0):
        """Return (outputs, h, w) scores of a (channels, H, W) array, uint8 or float32."""
        divisor, stride = self.info.divisor, self.info.stride
        size = [-(-n // divisor) * divisor // stride if stride else 1 for n in image.shape[1:]]
        out = np.empty((self.info.outputs, *size), np.float32)
        self.run(image, options, Output(out.ctypes.data_as(POINTER(c_float)), out[0].size,
                                        out.shape[2], None, 0))
        return out

    def labels(self, image, options=0):
        """Return the (H, W) classes of an image's pixels."""
        out = np.empty(image.shape[1:], np.uint8)
        self.run(image, options, Output(None, 0, 0, out.ctypes.data_as(POINTER(c_uint8)),
                                        out.shape[1]))
        return out

    def run(self, image, options, output):
        if len(image) != self.info.channels or image.dtype not in (np.uint8, np.float32):
            raise ValueError(f'the library takes {self.info.channels} channels of uint8 or float32')
        size = self.scratch(*image.shape[1:], options)
        scratch = np.empty(size, np.uint8)
        step = image.dtype.itemsize
        described = Image(image.ctypes.data, int(image.dtype == np.float32), *image.shape[1:],
                          *(n // step for n in image.strides))
        self.check(self.lib.ticket_run(self.opened, byref(described), options, byref(output),
                                       scratch.ctypes.data, size))

    def close(self):
        self.lib.ticket_close(self.opened)


if __name__ == '__main__':
    library, weights, *size = sys.argv[1:]
    ticket = CTicket(library, weights)
    image = np.random.default_rng(0).integers(0, 256, (ticket.info.channels, *map(int, size)),
                                              np.uint8)
    if ticket.info.kind == SEGMENTATION and ticket.info.outputs <= 256:
        print(ticket.labels(image, NORMALISE | RESIZE))
    else:
        print(ticket.scores(image, NORMALISE | RESIZE))
    ticket.close()
