"""Computes by Triton an NHWC map whose slices of channels have kernel sizes of their own.

A plan tells each program its channels and their kernel size, so that one launch does all slices. It
holds rows of int32: kernel size, first channel in the map, first channel in the slice, channels
left in the slice, channels of the slice, where its taps begin, and the row of taps (weight
gradients). Taps of a slice lie one after the other, each with its channels in a row. Sums are in
float32, each in one order: results do not depend on how programs are scheduled. Imported where
Triton is used.
"""
import triton
import triton.language as tl

#: Of a plan.
COLUMNS = tl.constexpr(7)
#: A search changes numbers of channels: a kernel for each would have to be built.
_SIZES = ('height', 'width', 'channels', 'out_height', 'out_width', 'rows', 'weights')


@triton.jit
def pack(w1, w3, w5, w7, taps, plan, BLOCK_C: tl.constexpr):
    """Lay a tap of BLOCK_C channels in a row; in the weights they lie far apart."""
    tap, size = tl.program_id(0), tl.load(plan + tl.program_id(1) * COLUMNS)
    _start, to, step, c, there = _channels(plan, taps, BLOCK_C)
    inside = tl.load(plan + tl.program_id(1) * COLUMNS + 2)
    weight = w1
    if size == 7:
        weight = w7
    elif size == 5:
        weight = w5
    elif size == 3:
        weight = w3
    there = there & (tap < size * size)
    value = tl.load(weight + (inside + c) * size * size + tap, there, 0.)
    tl.store(to + tap * step, value, there)


@triton.jit(do_not_specialize=_SIZES[:5])
def forward(x, y, taps, plan, height, width, channels, out_height, out_width,
            STRIDE: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """Compute BLOCK_X pixels of an output row in BLOCK_C channels, in each program."""
    size = tl.load(plan + tl.program_id(1) * COLUMNS)
    if size == 7:
        _forward(x, y, taps, plan, height, width, channels, out_height, out_width, 7,
                 STRIDE, BLOCK_X, BLOCK_C)
    elif size == 5:
        _forward(x, y, taps, plan, height, width, channels, out_height, out_width, 5,
                 STRIDE, BLOCK_X, BLOCK_C)
    elif size == 3:
        _forward(x, y, taps, plan, height, width, channels, out_height, out_width, 3,
                 STRIDE, BLOCK_X, BLOCK_C)
    else:
        _forward(x, y, taps, plan, height, width, channels, out_height, out_width, 1,
                 STRIDE, BLOCK_X, BLOCK_C)


@triton.jit
def _forward(x, y, taps, plan, height, width, channels, out_height, out_width, SIZE: tl.constexpr,
             STRIDE: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    image, oy, ox = _tile(out_height, out_width, BLOCK_X)
    start, taps, step, c, there = _channels(plan, taps, BLOCK_C)
    ix = ox * STRIDE - SIZE // 2
    at = ix[:, None] * channels + c[None, :]
    total = tl.zeros((BLOCK_X, BLOCK_C), tl.float32)
    for kx in range(SIZE):
        inside = ((ix + kx >= 0) & (ix + kx < width) & (ox < out_width))[:, None] & there[None, :]
        for ky in tl.static_range(SIZE):
            iy = oy * STRIDE + ky - SIZE // 2
            row = x + _row(image, iy, height, width, channels) + start + kx * channels
            value = tl.load(row + at, inside & (iy >= 0) & (iy < height), 0.)
            tap = tl.load(taps + (ky * SIZE + kx) * step, there, 0.)
            total += value.to(tl.float32) * tap.to(tl.float32)[None, :]
    to = y + _row(image, oy, out_height, out_width, channels) + start
    tl.store(to + ox[:, None] * channels + c[None, :], total.to(y.dtype.element_ty),
             (ox < out_width)[:, None] & there[None, :])


@triton.jit(do_not_specialize=_SIZES[:5])
def input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width,
                   STRIDE: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """Gather BLOCK_X pixels of an input row, in each program: the taps that met each."""
    size = tl.load(plan + tl.program_id(1) * COLUMNS)
    if size == 7:
        _input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width, 7,
                        STRIDE, BLOCK_X, BLOCK_C)
    elif size == 5:
        _input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width, 5,
                        STRIDE, BLOCK_X, BLOCK_C)
    elif size == 3:
        _input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width, 3,
                        STRIDE, BLOCK_X, BLOCK_C)
    else:
        _input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width, 1,
                        STRIDE, BLOCK_X, BLOCK_C)


@triton.jit
def _input_gradient(dy, dx, taps, plan, height, width, channels, out_height, out_width,
                    SIZE: tl.constexpr, STRIDE: tl.constexpr, BLOCK_X: tl.constexpr,
                    BLOCK_C: tl.constexpr):
    image, iy, ix = _tile(height, width, BLOCK_X)
    start, taps, step, c, there = _channels(plan, taps, BLOCK_C)
    total = tl.zeros((BLOCK_X, BLOCK_C), tl.float32)
    for kx in range(SIZE):
        left = ix + SIZE // 2 - kx
        ox = left // STRIDE
        met = (left >= 0) & (left % STRIDE == 0) & (ox < out_width) & (ix < width)
        inside = met[:, None] & there[None, :]
        at = ox[:, None] * channels + c[None, :]
        for ky in tl.static_range(SIZE):
            top = iy + SIZE // 2 - ky
            oy = top // STRIDE
            meets = (top >= 0) & (top % STRIDE == 0) & (oy < out_height)
            row = dy + _row(image, oy, out_height, out_width, channels) + start
            value = tl.load(row + at, inside & meets, 0.)
            tap = tl.load(taps + (ky * SIZE + kx) * step, there, 0.)
            total += value.to(tl.float32) * tap.to(tl.float32)[None, :]
    to = dx + _row(image, iy, height, width, channels) + start
    tl.store(to + ix[:, None] * channels + c[None, :], total.to(dx.dtype.element_ty),
             (ix < width)[:, None] & there[None, :])


@triton.jit(do_not_specialize=_SIZES)
def weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                    weights, STRIDE: tl.constexpr, BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """Sum a row of taps over every n-th row, with n the number of ``partial``'s parts."""
    size = tl.load(plan + tl.program_id(1) * COLUMNS)
    if size == 7:
        _weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                         weights, 7, 8, STRIDE, BLOCK_X, BLOCK_C)
    elif size == 5:
        _weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                         weights, 5, 8, STRIDE, BLOCK_X, BLOCK_C)
    elif size == 3:
        _weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                         weights, 3, 4, STRIDE, BLOCK_X, BLOCK_C)
    else:
        _weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                         weights, 1, 1, STRIDE, BLOCK_X, BLOCK_C)


@triton.jit
def _weight_gradient(dy, x, partial, plan, height, width, channels, out_height, out_width, rows,
                     weights, SIZE: tl.constexpr, TAPS: tl.constexpr, STRIDE: tl.constexpr,
                     BLOCK_X: tl.constexpr, BLOCK_C: tl.constexpr):
    """Sum a weight's gradient; TAPS is SIZE or, as blocks are powers of two, the next one."""
    part, parts = tl.program_id(0), tl.num_programs(0)
    plan += tl.program_id(1) * COLUMNS
    start, inside, first, ky = (tl.load(plan + 1), tl.load(plan + 2), tl.load(plan + 5),
                                tl.load(plan + 6))
    c = tl.arange(0, BLOCK_C)
    there = c < tl.load(plan + 3)
    to = partial + part.to(tl.int64) * weights + first + (inside + c) * SIZE * SIZE + ky * SIZE
    kx = tl.arange(0, TAPS)
    total = tl.zeros((BLOCK_X, TAPS, BLOCK_C), tl.float32)
    for row in range(part, rows, parts):
        image, oy = row // out_height, row % out_height
        iy = oy * STRIDE + ky - SIZE // 2
        met_row = there & (iy >= 0) & (iy < height)
        from_dy = dy + _row(image, oy, out_height, out_width, channels) + start
        from_x = x + _row(image, iy, height, width, channels) + start
        for left in range(0, out_width, BLOCK_X):
            ox = left + tl.arange(0, BLOCK_X)
            ix = ox[:, None] * STRIDE + kx[None, :] - SIZE // 2
            met = (ix >= 0) & (ix < width) & (kx < SIZE)[None, :] & (ox < out_width)[:, None]
            given = tl.load(from_dy + ox[:, None] * channels + c[None, :],
                            (ox < out_width)[:, None] & met_row[None, :], 0.)
            value = tl.load(from_x + ix[:, :, None] * channels + c[None, None, :],
                            met[:, :, None] & met_row[None, None, :], 0.)
            total += value.to(tl.float32) * given.to(tl.float32)[:, None, :]
    tl.store(to[None, :] + kx[:, None], tl.sum(total, axis=0),
             (kx < SIZE)[:, None] & there[None, :])


@triton.jit
def _tile(height, width, BLOCK_X: tl.constexpr):
    """Return the image, row and pixels of a program."""
    tiles = tl.cdiv(width, BLOCK_X)
    row = tl.program_id(0) // tiles
    return row // height, row % height, tl.program_id(0) % tiles * BLOCK_X + tl.arange(0, BLOCK_X)


@triton.jit
def _channels(plan, taps, BLOCK_C: tl.constexpr):
    """Return a program's first channel in the map, its taps, their step, and its channels."""
    plan += tl.program_id(1) * COLUMNS
    c = tl.arange(0, BLOCK_C)
    inside, width, first = tl.load(plan + 2), tl.load(plan + 4), tl.load(plan + 5)
    return tl.load(plan + 1), taps + first + inside + c, width, c, c < tl.load(plan + 3)


@triton.jit
def _row(image, y, height, width, channels):
    """Return the offset of row ``y`` of an image."""
    return (image.to(tl.int64) * height + y) * width * channels
