"""Pictures and numbers from outside, turned into what the data set holds: 8x8 values 0 to 16.

Whatever comes in is hostile until checked here: every function raises ValueError with a message
that says what was expected, and nothing else.
"""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..config import IMAGE_SHAPE, MAX_VALUE

#: A photograph has some 50 million pixels; more is a decompression bomb or a mistake.
MAX_PIXELS = 64_000_000

#: Pictures are shrunk to this many pixels at their longer edge before anything else.
WORKING_EDGE = 512

#: Most images that one request may hold.
MAX_IMAGES = 10_000

#: Least difference between ink and paper, on a scale of 0 to 255, to tell a picture from noise.
MIN_CONTRAST = 16

#: Ink that takes up less of the picture's height than this is cut out: the data's digits fill it.
FULL_HEIGHT = 0.8

#: Paper around a digit that was cut out, as a share of its longer edge: a quarter of a pixel each.
MARGIN = 1 / 30

#: Share of the data's pixels that are full ink.
FULL_INK = 1 / 8


def from_numbers(value: Any) -> NDArray[np.float32]:
    """Check an array of pictures given as numbers.

    Args:
        value: 8x8, N x 8 x 8, or 64 numbers from 0 (paper) to 16 (full ink), as nested lists.

    Returns:
        ink, shape (N, 8, 8).

    Raises:
        ValueError: another shape, something that is not a number, or a value outside the range.
    """
    height, width = IMAGE_SHAPE
    expected = f"{height}x{width}, N x {height}x{width} or {height * width} numbers"
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise ValueError(f"expected {expected}, as an array")
    try:
        array = np.array(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ValueError(f"expected {expected}; the rows differ in length") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"expected {expected}: the array must hold numbers only")
    if array.shape == (height * width,) or array.shape == IMAGE_SHAPE:
        array = array.reshape(1, height, width)
    if array.ndim != 3 or array.shape[1:] != IMAGE_SHAPE or not len(array):
        raise ValueError(f"expected {expected}, not the shape {'x'.join(map(str, array.shape))}")
    if len(array) > MAX_IMAGES:
        raise ValueError(f"at most {MAX_IMAGES} images at once, not {len(array)}")
    if not np.isfinite(array).all():
        raise ValueError("expected finite numbers, not NaN or infinity")
    if array.min() < 0 or array.max() > MAX_VALUE:
        raise ValueError(
            f"expected values from 0 to {MAX_VALUE}, not {array.min():g} to {array.max():g}"
        )
    return array.astype(np.float32)


def from_json(text: str | bytes) -> NDArray[np.float32]:
    """Check pictures given as JSON text; see :func:`from_numbers`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a JSON array: {error}") from None
    return from_numbers(value)


def from_file(content: bytes, name: str = "") -> NDArray[np.float32]:
    """Read a picture or JSON; which of them it is shows in its name or its first character.

    Args:
        content: a PNG or JPEG file, or JSON text as :func:`from_json` takes it.
        name: of the file.

    Returns:
        ink, shape (N, 8, 8), values 0 to 16.

    Raises:
        ValueError: neither of them.
    """
    if name.lower().endswith(".json") or content.lstrip()[:1] == b"[":
        return from_json(content)
    return from_picture(content)


def from_picture(content: bytes) -> NDArray[np.float32]:
    """Read a picture of one digit, of any size and colour, light on dark or dark on light.

    A digit that is small in its picture is cut out first, so that it fills the height as in the
    data; pictures that it fills already are only shrunk.

    Args:
        content: a PNG or JPEG file.

    Returns:
        ink, shape (1, 8, 8), stretched to the whole range from 0 to 16.

    Raises:
        ValueError: not such a file, damaged, too large, or of one flat colour.
    """
    grey = _grey(_open(content))
    if grey.max() - grey.min() < MIN_CONTRAST:
        raise ValueError("the picture is of one flat colour: there is nothing to read")
    paper = _paper(grey)
    if 2 * paper > int(grey.min()) + int(grey.max()):
        grey, paper = 255 - grey, 255 - paper
    digit = _cut_out(grey, paper)
    if digit is None:
        small = _reduced(grey, paper)
        ink = (small - small.min()) / max(float(small.max() - small.min()), 1.0)
    else:
        small = (_reduced(digit, paper) - paper).clip(0)
        # Thin strokes are pale once they are averaged, and few pixels are all ink: the share that
        # is in the data becomes so here. The floor keeps what is faint from being blown up.
        full = max(float(np.quantile(small, 1 - FULL_INK)), float(small.max()) / 2)
        ink = (small / max(full, 1.0)).clip(0, 1)
    return np.array([ink * MAX_VALUE], np.float32)


def _paper(grey: NDArray[np.uint8]) -> int:
    """Brightness of the paper: what most of the border is."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def _cut_out(grey: NDArray[np.uint8], paper: int) -> NDArray[np.uint8] | None:
    """The part of a picture, light on dark, that holds the ink; None if that is all its height."""
    # Nearer to the ink than to the paper: shadows and what JPEG leaves around edges are not.
    marked = grey > (paper + int(grey.max())) / 2
    rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    if rows[-1] - rows[0] + 1 >= FULL_HEIGHT * len(grey):
        return None
    digit = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(digit, max(1, round(max(digit.shape) * MARGIN)), constant_values=paper)


def _reduced(grey: NDArray[np.uint8], paper: int) -> NDArray[np.float32]:
    """The picture in the middle of a square of paper, as 8x8 pixels of brightness 0 to 255."""
    # Padding to a square first: squeezing a wide picture would change the shape of the digit.
    edge = max(grey.shape)
    square = ImageOps.pad(Image.fromarray(grey), (edge, edge), color=paper)
    # BOX averages whole areas; it is how the data set itself was made from 32x32 bitmaps.
    return np.asarray(square.resize(IMAGE_SHAPE[::-1], Image.Resampling.BOX), np.float32)


def _open(content: bytes) -> Image.Image:
    """Open and fully decode a PNG or JPEG file, upright."""
    try:
        with warnings.catch_warnings():
            # Pillow only warns of a bomb at first; the limit below is lower than its own.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(BytesIO(content), formats=("PNG", "JPEG"))
        if picture.width * picture.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        picture.load()
        return ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"the picture has more than {MAX_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise ValueError("not a readable PNG or JPEG file") from None
    except Exception as error:
        # Decoders raise almost anything (OSError, SyntaxError, struct.error…) on damaged files.
        raise ValueError(f"not a readable PNG or JPEG file ({error})") from None


def _grey(picture: Image.Image) -> NDArray[np.uint8]:
    """Brightness from 0 (black) to 255, shape (height, width), at most ``WORKING_EDGE`` each.

    Transparency becomes paper.
    """
    if picture.mode.startswith("I"):
        # 16 bits: Pillow's own conversion would cut everything above 255 off.
        deep = np.asarray(picture) >> 8
        return _shrunk(Image.fromarray(deep.clip(0, 255).astype(np.uint8)))
    if picture.has_transparency_data:
        layers = _shrunk(picture.convert("LA")).astype(np.float32)
        light, alpha = layers[..., 0], layers[..., 1] / 255
        # The paper that shows the ink: dark behind light ink, white behind dark ink.
        paper = 0.0 if alpha.any() and np.average(light, weights=alpha) > 127 else 255.0
        return np.round(light * alpha + paper * (1 - alpha)).astype(np.uint8)
    return _shrunk(picture.convert("L"))


def _shrunk(picture: Image.Image) -> NDArray[np.uint8]:
    """The pixels, with the longer edge cut to ``WORKING_EDGE``: 8x8 need no more memory."""
    longer = max(picture.size)
    if longer > WORKING_EDGE:
        width, height = (max(1, edge * WORKING_EDGE // longer) for edge in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture)
