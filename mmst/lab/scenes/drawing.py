"""Draws on an image and its label map at once, and lays light, noise and blur over them.

Everything is drawn at twice the wanted size and halved at the end, which smooths the image's
edges; the label map is sub-sampled, never averaged. Colours are (blue, green, red), 0 to 255.
"""
import cv2
import numpy as np

#: Sub-pixel bits of cv2's drawing functions.
SHIFT = 4
#: Coordinates are kept within this, or cv2's fixed-point numbers would overflow.
LIMIT = 30000

#: Colours of painted things: houses, vehicles, clothes, signs and furniture share them, so that a
#: colour says little about the class.
PAINT = np.array([
    (60, 60, 60), (95, 95, 98), (135, 135, 138), (175, 178, 180), (215, 217, 220), (40, 42, 48),
    (150, 175, 200), (120, 150, 185), (90, 120, 165), (70, 90, 140), (60, 70, 120), (50, 50, 160),
    (150, 120, 80), (170, 140, 110), (120, 80, 50), (190, 170, 140), (100, 130, 100),
    (80, 110, 70), (120, 150, 130), (110, 180, 200), (80, 160, 205), (130, 110, 140),
    (165, 190, 215), (95, 105, 120)], dtype=np.float64)

#: Colours of plants: bright and dark green, olive, brown, yellow, autumn red.
FOLIAGE = np.array([
    (45, 90, 60), (40, 70, 45), (70, 120, 90), (55, 110, 110), (60, 85, 110), (70, 140, 160),
    (60, 90, 150), (80, 110, 130), (90, 120, 90), (50, 75, 80)], dtype=np.float64)

#: All of both.
EVERY = np.concatenate([PAINT, FOLIAGE])

#: Skin, from dark to light.
SKIN = np.array([(60, 80, 115), (85, 110, 155), (125, 150, 195), (150, 175, 220)],
                dtype=np.float64)


def pick(rng, palette=PAINT, spread=12.0):
    """Draw a colour (3,) of ``palette`` (N, 3), each channel off by about ``spread``."""
    color = palette[rng.integers(len(palette))] + rng.normal(0, spread, 3)
    return np.clip(color, 8, 247)


def darker(color, factor):
    """Scale a colour; ``factor`` above 1 brightens."""
    return np.clip(np.asarray(color) * factor, 0, 255)


def between(rng, low, high):
    """Return one uniform float of [low, high)."""
    return float(rng.uniform(low, high))


class Canvas:
    """Is an image (H, W, 3) uint8 and its label map (H, W), drawn on together.

    Args:
        height (int): Height of the result in pixels; coordinates are in these pixels.
        width (int): Width of the result in pixels.
        background (int): Label of pixels that nothing is drawn on. Defaults to 255.
        dtype: Type of the label map. Defaults to ``np.uint8``.
    """
    scale = 2

    def __init__(self, height, width, background=255, dtype=np.uint8):
        self.height, self.width = height, width
        shape = (height * self.scale, width * self.scale)
        self.image = np.zeros((*shape, 3), np.uint8)
        self.label = np.full(shape, background, dtype)

    def _to_fixed_point(self, points):
        """Turn pixels (N, 2) into cv2's fixed-point numbers."""
        points = np.asarray(points, np.float64) * (self.scale << SHIFT) - (1 << SHIFT) / 2
        return np.rint(points.clip(-LIMIT << SHIFT, LIMIT << SHIFT)).astype(np.int32)

    def _thick(self, width):
        return max(1, round(width * self.scale))

    def polygon(self, points, color=None, label=None):
        """Fill a polygon (N, 2); a ``None`` leaves the image or the label map as it is."""
        self.polygons([points], color, label)

    def polygons(self, many, color=None, label=None):
        """Fill several polygons with one colour, each by itself (overlaps stay filled)."""
        for fixed in map(self._to_fixed_point, many):
            if color is not None:
                cv2.fillPoly(self.image, [fixed], tuple(map(float, color)), shift=SHIFT)
            if label is not None:
                cv2.fillPoly(self.label, [fixed], int(label), shift=SHIFT)

    def stroke(self, points, width, color=None, label=None, closed=False):
        """Draw a line through points (N, 2), ``width`` pixels wide (one drawn pixel at least)."""
        self.strokes([points], width, color, label, closed)

    def strokes(self, many, width, color=None, label=None, closed=False):
        """Draw several lines of one colour and width."""
        fixed, thick = [self._to_fixed_point(points) for points in many], self._thick(width)
        if not fixed:
            return
        if color is not None:
            cv2.polylines(
                self.image, fixed, closed, tuple(map(float, color)), thick, shift=SHIFT)
        if label is not None:
            cv2.polylines(self.label, fixed, closed, int(label), thick, shift=SHIFT)

    def disc(self, centre, radii, color=None, label=None, angle=0.0):
        """Fill an ellipse of the two ``radii``, turned by ``angle`` degrees."""
        centre = tuple(map(int, self._to_fixed_point([centre])[0]))
        axes = tuple(max(1, int(r * self.scale * (1 << SHIFT))) for r in radii)
        for target, value in ((self.image, color), (self.label, label)):
            if value is not None:
                value = tuple(map(float, value)) if target is self.image else int(value)
                cv2.ellipse(target, centre, axes, angle, 0, 360, value, -1, shift=SHIFT)

    def veil(self, points, color, alpha):
        """Blend a polygon (N, 2) of ``color`` over the image alone: shadows, panes, spokes."""
        fixed = self._to_fixed_point(points)
        rows, columns = self.label.shape
        x0, y0 = np.maximum(fixed.min(0) >> SHIFT, 0)
        x1, y1 = np.minimum((fixed.max(0) >> SHIFT) + 2, (columns, rows))
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        cv2.fillPoly(mask, [fixed - np.array([x0, y0], np.int32) * (1 << SHIFT)],
                     int(256 * alpha) - 1, shift=SHIFT)
        part = self.image[y0:y1, x0:x1]
        weight = mask[..., None].astype(np.uint16)
        mixed = part * (256 - weight) + np.asarray(color, np.uint16) * weight
        part[:] = mixed >> 8

    def finish(self):
        """Return the image (height, width, 3) float32 and the label map (height, width)."""
        size = (self.width, self.height)
        image = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        return image.astype(np.float32), self.label[::self.scale, ::self.scale].copy()


def draw_clutter(canvas, rng, count, back=EVERY, floor=EVERY):
    """Fill the whole canvas with two grounds and ``count`` patches and lines of any colour.

    Args:
        canvas (Canvas): The image to draw on.
        rng (numpy.random.Generator): Source of chance.
        count (int): Number of patches and lines.
        back (ndarray): Palette (N, 3) of the upper ground. Defaults to all colours.
        floor (ndarray): Palette (N, 3) of the lower ground. Defaults to all colours.
    """
    wide, high = canvas.width, canvas.height
    canvas.polygon([(0, 0), (wide, 0), (wide, high), (0, high)], pick(rng, back))
    left, right = rng.uniform(0.3, 0.8, 2) * high
    canvas.polygon([(0, left), (wide, right), (wide, high), (0, high)], pick(rng, floor))
    for _ in range(count):
        centre, reach = rng.uniform(0, 1, 2) * (wide, high), between(rng, 0.05, 0.25) * high
        angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        spots = centre + reach * np.stack([np.cos(angle), np.sin(angle)], 1)
        if rng.random() < 0.6:
            canvas.polygon(spots, pick(rng, EVERY))
        else:
            canvas.stroke(spots, between(rng, 0.01, 0.05) * high, pick(rng, EVERY))


def value_noise(rng, height, width, cell):
    """Return the smooth noise (height, width) float32 of unit variance, blobs about ``cell`` pixels
    wide.
    """
    rows, columns = int(height / cell) + 3, int(width / cell) + 3
    grid = rng.standard_normal((rows, columns)).astype(np.float32)
    size = (max(int(columns * cell), width), max(int(rows * cell), height))
    return cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)[:height, :width] * 1.3


def lay_textures(rng, image, label, contrasts, usual, strength=1.0):
    """Lay each class' texture over an image.

    Args:
        image (ndarray): (H, W, 3) float32.
        label (ndarray): (H, W) uint8.
        contrasts (Mapping[int, Sequence[float]]): Class to its contrast of fine, middle and coarse
            texture at a height of 128.
        usual (float | Sequence[float]): That of the other classes.
        strength (float): Factor on all. Defaults to 1.
    """
    table = np.empty((256, 3), np.float32)
    table[:] = usual
    for index, amount in contrasts.items():
        table[index] = amount
    amount = (table * strength)[label].transpose(2, 0, 1)
    return roughen(rng, image, amount, np.array([1.5, 4.0, 16.0]) * max(1.0, image.shape[0] / 128))


def roughen(rng, image, amount, cells=(1.5, 4.0, 16.0)):
    """Multiply an image by noise of three sizes.

    Args:
        image (ndarray): (H, W, 3) float32.
        amount (ndarray): (3, H, W) or (3, 1, 1), the contrast of each size of ``cells``.
    """
    height, width = image.shape[:2]
    factor = np.ones((height, width), np.float32)
    for share, cell in zip(amount, cells, strict=True):
        factor += share * value_noise(rng, height, width, cell)
    return image * np.clip(factor, 0.3, 1.8)[..., None]


def expose(rng, image, dusk=0.2):
    """Lay one light over an image (H, W, 3) float32 and return uint8.

    Hue cast, brightness, contrast, uneven light, blur and sensor noise vary; a share ``dusk`` of
    the images is dark.
    """
    height, width = image.shape[:2]
    gain = between(rng, 0.75, 1.25)
    cast = np.exp(rng.normal(0, 0.10, 3))
    if rng.random() < dusk:
        gain *= between(rng, 0.5, 0.75)
        cast *= np.exp([between(rng, -0.1, 0.25), 0, between(rng, -0.1, 0.2)])
    uneven = 1 + 0.10 * value_noise(rng, height, width, max(height, width) / 2)
    image = image * (gain * cast / cast.mean()).astype(np.float32) * uneven[..., None]
    image = (image - 110) * between(rng, 0.75, 1.15) + between(rng, 95, 125)
    sigma = between(rng, 0.0, 0.8)
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    image += rng.standard_normal(image.shape, np.float32) * between(rng, 2, 7)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)


def write_image(path, image, quality=92):
    """Write an image, its folder included.

    Args:
        path (Path): Where to; the suffix tells the format.
        image (ndarray): (H, W, 3) BGR or (H, W), uint8.
        quality (int): JPEG's quality; PNG is lossless. Defaults to 92.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = '.jpg' if path.suffix == '.JPEG' else path.suffix
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == '.jpg' else []
    done, data = cv2.imencode(suffix, image, options)
    if not done:
        raise OSError(f'cannot encode {path}')
    path.write_bytes(data.tobytes())
