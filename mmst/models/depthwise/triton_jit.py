"""Triton kernels for one kernel size on its slice of an NHWC map; imported where Triton is used.

Sums are in float32, each in one order: results do not depend on how programs are scheduled.
"""
import triton
import triton.language as tl


@triton.jit
def forward(x, weight, y, height, width, channels, out_height, out_width, start, count,
            SIZE: tl.constexpr, STRIDE: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """A program computes BLOCK_X pixels of an output row in BLOCK_C channels."""
    row, ox, c, valid = _tile(out_width, count, BLOCK_X, BLOCK_C)
    image, oy = row // out_height, row % out_height
    total = tl.zeros((BLOCK_X, BLOCK_C), tl.float32)
    for ky in tl.static_range(SIZE):
        iy = oy * STRIDE + ky - SIZE // 2
        for kx in tl.static_range(SIZE):
            ix = ox * STRIDE + kx - SIZE // 2
            inside = valid & (iy >= 0) & (iy < height) & (ix >= 0)[:, None] & (ix < width)[:, None]
            value = tl.load(_at(x, image, iy, ix, c, height, width, channels, start), inside, 0.)
            w = tl.load(weight + (c * SIZE + ky) * SIZE + kx, c < count, 0.)
            total += value.to(tl.float32) * w.to(tl.float32)[None, :]
    to = _at(y, image, oy, ox, c, out_height, out_width, channels, start)
    tl.store(to, total.to(y.dtype.element_ty), valid)


@triton.jit
def input_gradient(dy, weight, dx, height, width, channels, out_height, out_width, start, count,
                   SIZE: tl.constexpr, STRIDE: tl.constexpr, BLOCK_X: tl.constexpr,
                   BLOCK_C: tl.constexpr):
    """A program gathers BLOCK_X pixels of an input row: the taps that met each."""
    row, ix, c, valid = _tile(width, count, BLOCK_X, BLOCK_C)
    image, iy = row // height, row % height
    total = tl.zeros((BLOCK_X, BLOCK_C), tl.float32)
    for ky in tl.static_range(SIZE):
        top = iy + SIZE // 2 - ky
        oy = top // STRIDE
        meets = (top >= 0) & (top % STRIDE == 0) & (oy < out_height)
        for kx in tl.static_range(SIZE):
            left = ix + SIZE // 2 - kx
            ox = left // STRIDE
            inside = (left >= 0) & (left % STRIDE == 0) & (ox < out_width)
            value = tl.load(_at(dy, image, oy, ox, c, out_height, out_width, channels, start),
                            valid & meets & inside[:, None], 0.)
            w = tl.load(weight + (c * SIZE + ky) * SIZE + kx, c < count, 0.)
            total += value.to(tl.float32) * w.to(tl.float32)[None, :]
    to = _at(dx, image, iy, ix, c, height, width, channels, start)
    tl.store(to, total.to(dx.dtype.element_ty), valid)


@triton.jit
def weight_gradient(dy, x, partial, rows, height, width, channels, out_height, out_width, start,
                    count, SIZE: tl.constexpr, STRIDE: tl.constexpr, BLOCK_X: tl.constexpr,
                    BLOCK_C: tl.constexpr):
    """A program sums one tap over every n-th row, n the number of ``partial``'s parts."""
    part, parts, tap = tl.program_id(0), tl.num_programs(0), tl.program_id(1)
    c = tl.program_id(2) * BLOCK_C + tl.arange(0, BLOCK_C)
    ky, kx = tap // SIZE, tap % SIZE
    total = tl.zeros((BLOCK_C, ), tl.float32)
    for row in range(part, rows, parts):
        image, oy = row // out_height, row % out_height
        iy = oy * STRIDE + ky - SIZE // 2
        for first in range(0, out_width, BLOCK_X):
            ox = first + tl.arange(0, BLOCK_X)
            ix = ox * STRIDE + kx - SIZE // 2
            valid = ((ox < out_width) & (ix >= 0) & (ix < width))[:, None] & (c < count)[None, :]
            valid = valid & (iy >= 0) & (iy < height)
            value = tl.load(_at(x, image, iy, ix, c, height, width, channels, start), valid, 0.)
            g = tl.load(_at(dy, image, oy, ox, c, out_height, out_width, channels, start), valid,
                        0.)
            total += tl.sum(value.to(tl.float32) * g.to(tl.float32), axis=0)
    tl.store(partial + (part * count + c) * SIZE * SIZE + tap, total, c < count)


@triton.jit
def _tile(row_width, count, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """Row, pixels and channels of a program, and which of them exist."""
    tiles = tl.cdiv(row_width, BLOCK_X)
    row = tl.program_id(0) // tiles
    x = tl.program_id(0) % tiles * BLOCK_X + tl.arange(0, BLOCK_X)
    c = tl.program_id(1) * BLOCK_C + tl.arange(0, BLOCK_C)
    return row, x, c, (x < row_width)[:, None] & (c < count)[None, :]


@triton.jit
def _at(base, image, y, x, c, height, width, channels, start):
    """Addresses of pixels ``x`` of row ``y`` in channels ``start + c``."""
    row = (image.to(tl.int64) * height + y) * width
    return base + (row + x)[:, None] * channels + (start + c)[None, :]
